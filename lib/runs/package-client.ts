import { differenceOf } from '../packages/difference.ts';
import type { PackageLine } from '../packages/document.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { DailyRecordWriter } from '../store/daily-record-writer.ts';
import type { SumsFold } from './chunk-sums.ts';
import {
  lastProcessedOf,
  type PackagingFrame,
  type PlannedPackage,
  planPackages,
  processedLines,
} from './client-packages.ts';
import { type SettledUsage, settleUsage } from './client-usage.ts';
import { writePackages } from './write-packages.ts';

/**
 * Writes what changed of a client: daily records first, then packages.
 * @returns nothing when there is nothing to write or to wait for, which is what most clients of a second run come to
 */
export function packageClient(
  records: ClientRecords,
  frame: PackagingFrame,
  isFrozen: (day: Day) => boolean,
  dailyRecords: DailyRecordWriter,
  runId: string,
  sums: SumsFold,
): Promise<void> | undefined {
  const settled = settleUsage(records, isFrozen);
  countUsage(records, settled, sums);
  if (isWithoutRecords(records)) {
    sums.count('clientsWithoutRecords');
    return undefined;
  }
  const { clientId, heads } = records;
  const client = { clientId, usage: settled.usage, heads };
  const planned = planPackages(client, frame);
  if (Array.isArray(planned) && settled.changedDays.length === 0 && isAllKept(planned, runId)) {
    countDecisions(planned, heads.length > 0, sums);
    return undefined;
  }
  return (async () => {
    const decided = await planned;
    for (const { day, folded } of settled.changedDays) await dailyRecords.write(clientId, day, folded);
    const written = await writePackages(client, decided, frame, runId);
    const counted = await Promise.all(written.map((each) => asMadeByRun(each, clientId, frame, runId)));
    countDecisions(
      counted,
      heads.some((head) => head.runId !== runId),
      sums,
    );
  })();
}

/** Packages but no usage at all: records were lost, since nothing ever deletes them. Not a reason to pay everything back. */
export function isWithoutRecords({ days, folded, heads }: ClientRecords): boolean {
  return days.length === 0 && folded.size === 0 && heads.length > 0;
}

/** Adds a client's usage to the sums. */
export function countUsage(
  records: ClientRecords,
  { usage, daysWithMissingSlices }: SettledUsage,
  sums: SumsFold,
): void {
  sums.count('clients');
  sums.count('days', usage.length);
  sums.count('slices', records.slices);
  sums.count('daysWithMissingSlices', daysWithMissingSlices);
  for (const { totals, events } of usage) {
    sums.count('events', events);
    sums.addTotals('usage', totals);
  }
}

/** Adds what became of a client's packages to the sums. */
export function countDecisions(planned: readonly PlannedPackage[], wasKnown: boolean, sums: SumsFold): void {
  let isChanged = false;
  for (const { decision, added } of planned) {
    sums.addDecision(decision);
    isChanged ||= decision !== 'keep' && decision !== 'none';
    for (const { meter, quantity } of added) sums.addQuantity('difference', meter, quantity);
  }
  if (planned.every(({ decision }) => decision === 'none')) return;
  sums.addClient(isChanged ? (wasKnown ? 'changed' : 'new') : 'unchanged');
}

function isAllKept(planned: readonly PlannedPackage[], runId: string): boolean {
  return planned.every(
    ({ decision, head }) => decision === 'none' || (decision === 'keep' && (head?.runId !== runId || head.everSent)),
  );
}

/** A revision that this run made when the step was taken before counts as made, not as kept. */
async function asMadeByRun(
  planned: PlannedPackage,
  clientId: string,
  { packages, period }: PackagingFrame,
  runId: string,
): Promise<PlannedPackage> {
  const { decision, head, lines, part } = planned;
  if (decision !== 'keep' || !head || head.runId !== runId || head.everSent) return planned;
  const processed = lastProcessedOf(head);
  if (!processed) return { ...planned, decision: 'create', added: lines };
  const before: PackageLine[] = await processedLines(packages, period, clientId, part, processed.revision);
  return { ...planned, decision: 'revise', added: differenceOf(before, lines) };
}
