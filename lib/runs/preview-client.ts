import type { PackageDecision } from '../packages/transitions.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { MeterTotals } from '../usage/records.ts';
import { SumsFold } from './chunk-sums.ts';
import { type PackagingFrame, type PlannedPackage, planPackages } from './client-packages.ts';
import { settleUsage } from './client-usage.ts';
import { countDecisions, countUsage, hasLostUsage } from './package-client.ts';

/** What a run would do about one client. */
export interface PreviewEntry {
  clientId: string;
  change: 'new' | 'changed' | 'unchanged';
  packages: { part: number; revision: number; decision: PackageDecision }[];
  /** Only where something would change. */
  totals?: MeterTotals;
  /** What would be added to what was processed, signed. */
  difference?: MeterTotals;
}

/** Finds out what a run would do about a client; writes nothing. */
export function previewClient(
  records: ClientRecords,
  frame: PackagingFrame,
  isFrozen: (day: Day) => boolean,
  sums: SumsFold,
  listing: PreviewEntry[],
): Promise<void> | undefined {
  const settled = settleUsage(records, isFrozen);
  countUsage(records, settled, sums);
  if (hasLostUsage(records, settled)) {
    sums.count('clientsWithoutRecords');
    return undefined;
  }
  const { clientId, heads } = records;
  for (const { state } of heads) sums.addState(state);
  const list = (planned: readonly PlannedPackage[]): void => {
    countDecisions(planned, heads.length > 0, sums);
    const entry = entryOf(clientId, planned, heads.length > 0);
    if (entry) listing.push(entry);
  };
  const planned = planPackages({ clientId, usage: settled.usage, heads }, frame);
  if (!Array.isArray(planned)) return planned.then(list);
  list(planned);
  return undefined;
}

function entryOf(clientId: string, planned: readonly PlannedPackage[], wasKnown: boolean): PreviewEntry | undefined {
  const concerned = planned.filter(({ decision }) => decision !== 'none');
  if (concerned.length === 0) return undefined;
  const isChanged = concerned.some(({ decision }) => decision !== 'keep');
  const entry: PreviewEntry = {
    clientId,
    change: isChanged ? (wasKnown ? 'changed' : 'new') : 'unchanged',
    packages: concerned.map(({ part, decision, head, revision }) => ({
      part,
      revision: revision?.number ?? head?.revision ?? 1,
      decision,
    })),
  };
  if (!isChanged) return entry;
  const sums = new SumsFold();
  for (const { lines, added } of concerned) {
    for (const { meter, quantity } of lines) sums.addQuantity('usage', meter, quantity);
    for (const { meter, quantity } of added) sums.addQuantity('difference', meter, quantity);
  }
  const { usage, difference } = sums.result();
  return { ...entry, totals: usage, difference };
}
