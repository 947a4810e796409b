import { type PeriodId, previousPeriod } from '../periods/periods.ts';
import type { RunStore } from '../store/run-store.ts';

/** A year of half months: what is older says little of how a client uses now. */
export const LONGEST_LOOK_BACK_PERIODS = 24;

/** The last closed periods before one, the latest first; those of a year at most. */
export async function closedPeriodsBefore(
  runs: Pick<RunStore, 'loadPeriodState'>,
  periodId: PeriodId,
  most: number,
): Promise<PeriodId[]> {
  const closed: PeriodId[] = [];
  let earlier = previousPeriod(periodId);
  for (let looked = 0; looked < LONGEST_LOOK_BACK_PERIODS && closed.length < most; looked++) {
    if ((await runs.loadPeriodState(earlier.id))?.lastClosedAt !== undefined) closed.push(earlier.id);
    earlier = previousPeriod(earlier.id);
  }
  return closed;
}
