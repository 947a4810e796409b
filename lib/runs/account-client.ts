import type { AccountFold } from '../certificate/account.ts';
import { accountOfClient, accountOfProvedClient, type ClientAccount } from '../certificate/client-account.ts';
import type { KeptRevision } from '../certificate/kept-document.ts';
import type { PackageHead } from '../packages/package.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { PackageStore } from '../store/package-store.ts';
import type { SumsFold } from './chunk-sums.ts';
import type { PackagingFrame } from './client-packages.ts';
import { settleUsage } from './client-usage.ts';
import { countUsage, hasLostUsage } from './package-client.ts';

/** What the workers of a run's account collect for its certificate. */
export interface AccountCollection {
  account: AccountFold;
  /** The idempotency keys under which the API processed what it did. */
  acknowledgements: string[];
}

/**
 * Adds a client to the account of a run once everything is sent: what the slices say now, what the daily records say, what
 * was last processed, and the states of its packages. Writes nothing. Where the daily records give the very content that was
 * processed, the hash proves it and no document is read.
 * @returns nothing when no document has to be read
 */
export function accountClient(
  records: ClientRecords,
  frame: PackagingFrame,
  isFrozen: (day: Day) => boolean,
  sums: SumsFold,
  collection: AccountCollection,
): Promise<void> | undefined {
  const settled = settleUsage(records, isFrozen);
  countUsage(records, settled, sums);
  if (hasLostUsage(records, settled)) sums.count('clientsWithoutRecords');
  for (const { totals } of records.days) sums.addTotals('dailyRecords', totals);
  for (const head of records.heads) {
    sums.addState(head.state);
    if (head.revision > 1) sums.count('corrections');
  }
  const proved = accountOfProvedClient(records, frame);
  if (proved) {
    collect(proved, sums, collection);
    return undefined;
  }
  return (async () => {
    const revisions = (await Promise.all(records.heads.map((head) => revisionsOf(frame.packages, head)))).flat();
    collect(accountOfClient({ ...records, revisions }, frame), sums, collection);
  })();
}

function collect(client: ClientAccount, sums: SumsFold, { account, acknowledgements }: AccountCollection): void {
  account.addClient(client);
  for (const { acknowledgement, lastProcessed } of client.packages) {
    if (acknowledgement) acknowledgements.push(acknowledgement);
    sums.addTotals('processed', lastProcessed);
  }
}

/** All revisions of a package that are kept: few, since most packages are never corrected. */
async function revisionsOf(packages: PackageStore, head: PackageHead): Promise<KeptRevision[]> {
  const numbers = Array.from({ length: head.revision }, (_, index) => index + 1);
  const { periodId, clientId, part } = head;
  const kept = await Promise.all(numbers.map((number) => packages.loadRevision(periodId, clientId, part, number)));
  return kept.filter((revision) => revision !== undefined);
}
