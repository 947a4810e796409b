import { quantitiesOfDays } from '../meters/measure.ts';
import type { PackageDocument } from '../packages/document.ts';
import { measureOfLine, partOfMeter } from '../packages/lines.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import { clientPartition, dayOfKey } from '../store/keys.ts';
import { totalsOfClient } from '../store/usage-history.ts';
import type { SumsFold } from './chunk-sums.ts';
import type { ChunkWork } from './chunk-work.ts';
import { type PackagingFrame, type PlannedPackage, planPackages } from './client-packages.ts';
import { type SettledUsage, settleUsage } from './client-usage.ts';
import { writePackages } from './write-packages.ts';

/**
 * Writes what changed of a client: daily records first, then packages.
 * @returns nothing when there is nothing to write or to wait for, which is what most clients of a second run come to
 * @throws DayNeverFolded
 */
export function packageClient(records: ClientRecords, work: ChunkWork): Promise<void> | undefined {
  const { frame, runId, sums } = work;
  const settled = settleUsage(records, work);
  if (hasLostUsage(records, settled)) {
    countUsage(records, settled, sums);
    sums.count('clientsWithoutRecords');
    return undefined;
  }
  const { clientId, heads } = records;
  const client = { clientId, usage: settled.usage, heads };
  const planned = planPackages(client, frame);
  const isUnchanged = settled.changedDays.length === 0 && records.late.length === 0;
  if (Array.isArray(planned) && isUnchanged && isAllKept(planned, runId)) {
    countUsage(records, settled, sums);
    countDecisions(planned, heads.length > 0, sums);
    return undefined;
  }
  return (async () => {
    const decided = await planned;
    for (const { day, folded } of settled.changedDays) await work.dailyRecords.write(clientId, day, folded);
    const totals = frame.reasonToHold && totalsOfClient(records, frame.period.id);
    await writePackages({ ...client, totals }, decided, frame, runId);
    await recordLate(records, settled, decided, work);
    const counted = await Promise.all(decided.map((each) => madeByRun(each, clientId, frame, runId)));
    // Counted once everything is written: a client that fails on the way is in no sum.
    countUsage(records, settled, sums);
    countDecisions(
      counted.flat(),
      heads.some((head) => head.runId !== runId),
      sums,
    );
  })();
}

/**
 * The late events that are in a client's slices are in its packages now, but where a change waits for one in flight.
 */
async function recordLate(
  { clientId, late }: ClientRecords,
  { foldedDays }: SettledUsage,
  planned: readonly PlannedPackage[],
  { frame: { period }, lateLedger }: ChunkWork,
): Promise<void> {
  const settled = late.filter(({ sortKey }) => foldedDays.has(dayOfKey(sortKey)));
  if (settled.length === 0) return;
  const byPart = new Map(planned.map((each) => [each.part, each]));
  await lateLedger.record(clientPartition(period.id, clientId), clientId, settled, ({ meter }) => {
    const part = partOfMeter(meter, planned[0]?.parts ?? 1);
    const holder = byPart.get(part);
    const revision = holder && revisionOf(holder);
    return revision === undefined ? undefined : { part, revision };
  });
}

/** The revision that says what a package should say; 0 where there is nothing to say, nothing while it has to wait. */
function revisionOf({ decision, head, revision, contentHash }: PlannedPackage): number | undefined {
  if (decision === 'wait') return undefined;
  if (revision) return revision.number;
  if (decision === 'none' || decision === 'discard' || !head) return 0;
  return decision === 'keep' && head.contentHash === contentHash ? head.revision : head.lastProcessedRevision;
}

/**
 * Whether a client has no records any more, or fewer events in them than its packages were made of: records were lost,
 * since nothing ever deletes them and a count of events never shrinks. Not a reason to pay anything back.
 */
export function hasLostUsage({ days, folded, heads }: ClientRecords, { usage }: Pick<SettledUsage, 'usage'>): boolean {
  if (days.length === 0 && folded.size === 0) return heads.length > 0;
  const events = usage.reduce((sum, day) => sum + day.events, 0);
  return heads.some((head) => head.events !== undefined && head.events > events);
}

/** Adds a client's usage to the sums. */
export function countUsage(
  records: ClientRecords,
  { usage, daysWithMissingSlices }: Pick<SettledUsage, 'usage' | 'daysWithMissingSlices'>,
  sums: SumsFold,
): void {
  sums.count('clients');
  sums.count('days', usage.length);
  sums.count('slices', records.slices);
  sums.count('daysWithMissingSlices', daysWithMissingSlices);
  for (const { events } of usage) sums.count('events', events);
  sums.usage.addAll(quantitiesOfDays(usage));
}

/** Adds the decisions about a client's packages to the sums. */
export function countDecisions(planned: readonly PlannedPackage[], wasKnown: boolean, sums: SumsFold): void {
  let isChanged = false;
  for (const { decision, added } of planned) {
    sums.addDecision(decision);
    isChanged ||= decision !== 'keep' && decision !== 'none';
    for (const line of added) sums.difference.add(measureOfLine(line), line.quantity);
  }
  if (planned.every(({ decision }) => decision === 'none')) return;
  sums.addClient(isChanged ? (wasKnown ? 'changed' : 'new') : 'unchanged');
}

function isAllKept(planned: readonly PlannedPackage[], runId: string): boolean {
  return planned.every(({ decision, head }) => decision === 'none' || (decision === 'keep' && head?.runId !== runId));
}

/**
 * What a run has made of a package, whether in this step, in an earlier try of it, or in an earlier round: all of it
 * counts as made by the run.
 */
async function madeByRun(
  planned: PlannedPackage,
  clientId: string,
  { packages, period }: PackagingFrame,
  runId: string,
): Promise<PlannedPackage[]> {
  const { decision, head, part } = planned;
  const isMadeBefore = head?.runId === runId && (decision === 'keep' || decision === 'revise');
  if (!isMadeBefore) return [planned];
  const stored = await packages.loadRevision(period.id, clientId, part, head.revision);
  if (!stored) return [planned];
  // Written by documentText, which made it from a PackageDocument.
  const { difference, lines } = JSON.parse(stored.document) as PackageDocument;
  const earlier: PlannedPackage = {
    ...planned,
    decision: difference ? 'revise' : 'create',
    added: difference ? difference.lines : lines,
  };
  return decision === 'keep' ? [earlier] : [earlier, planned];
}
