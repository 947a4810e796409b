import { MeterSums } from '../decimal/meter-sums.ts';
import type { Correction } from '../events/correction.ts';
import { DayFold } from '../packages/day-fold.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { MeterTotals } from '../usage/records.ts';
import type { ChunkWork } from './chunk-work.ts';
import { type PackagingFrame, planPackages } from './client-packages.ts';
import { settleUsage } from './client-usage.ts';

/** A package as the run after a correction makes it. */
export interface CorrectedPackage {
  part: number;
  /** Absent where it waits for a revision in flight, or is not to be sent. */
  revision?: number;
  decision: string;
  /** What the revision adds to what was processed before, by meter. */
  difference: MeterTotals;
  /** What it says then, by meter. */
  totals: MeterTotals;
}

/**
 * The revisions that a run would make once corrections are counted, by the very rules of packaging; writes nothing.
 * @param records of the client, as they are now
 */
export async function previewCorrections(
  records: ClientRecords,
  corrections: readonly Correction[],
  work: Pick<ChunkWork, 'isFirstClose' | 'mayHaveExpired'>,
  frame: PackagingFrame,
): Promise<CorrectedPackage[]> {
  const { clientId, heads } = records;
  const folded = new Map(records.folded);
  for (const { day, time, meter, quantity } of corrections) {
    const fold = new DayFold(folded.get(day));
    fold.add({ totals: [[meter, quantity]], events: 1, firstEventAt: time, lastEventAt: time, isLasting: true });
    folded.set(day, fold.result());
  }
  const { usage } = settleUsage({ ...records, folded }, work);
  const planned = await planPackages({ clientId, usage, heads }, frame);
  return planned
    .filter(({ decision }) => decision !== 'none' && decision !== 'keep')
    .map(({ part, decision, revision, lines, added }) => ({
      part,
      ...(revision ? { revision: revision.number } : {}),
      decision,
      difference: sumsOf(added),
      totals: sumsOf(lines),
    }));
}

function sumsOf(lines: readonly { meter: string; quantity: string }[]): MeterTotals {
  const sums = new MeterSums();
  for (const { meter, quantity } of lines) sums.add(meter, quantity);
  return sums.totals();
}
