import { accountOfClient, accountOfProvedClient, type ClientAccount } from '../certificate/client-account.ts';
import type { KeptRevision } from '../certificate/kept-document.ts';
import type { PackageHead } from '../packages/package.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { PackageStore } from '../store/package-store.ts';
import type { ChunkWork } from './chunk-work.ts';
import { countUsage, hasLostUsage } from './package-client.ts';

/**
 * Adds a client to the account of a run once everything is sent: what the daily records say, what was last processed,
 * and the states of its packages. Writes nothing, and reads no slices: what packaging took from them is in its own
 * sums. Where the daily records give the very content that was processed, the hash proves it and no document is read.
 * @returns nothing when no document has to be read
 */
export function accountClient(records: ClientRecords, work: ChunkWork): Promise<void> | undefined {
  const { frame } = work;
  const proved = accountOfProvedClient(records, frame);
  if (proved) {
    collect(records, proved, work);
    return undefined;
  }
  return (async () => {
    const revisions = (await Promise.all(records.heads.map((head) => revisionsOf(frame.packages, head)))).flat();
    collect(records, accountOfClient({ ...records, revisions }, frame), work);
  })();
}

function collect(records: ClientRecords, client: ClientAccount, { account, acknowledgements, sums }: ChunkWork): void {
  const settled = { usage: records.days, daysWithMissingSlices: 0 };
  countUsage(records, settled, sums);
  if (hasLostUsage(records, settled)) sums.count('clientsWithoutRecords');
  for (const head of records.heads) {
    sums.addState(head.state);
    if (head.revision > 1) sums.count('corrections');
  }
  account.addClient(client);
  for (const { acknowledgement } of client.packages) if (acknowledgement) acknowledgements.push(acknowledgement);
}

/** All revisions of a package that are kept: few, since most packages are never corrected. */
async function revisionsOf(packages: PackageStore, head: PackageHead): Promise<KeptRevision[]> {
  const numbers = Array.from({ length: head.revision }, (_, index) => index + 1);
  const { periodId, clientId, part } = head;
  const kept = await Promise.all(numbers.map((number) => packages.loadRevision(periodId, clientId, part, number)));
  return kept.filter((revision) => revision !== undefined);
}
