import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { SliceId, SlicePage } from './slice-page.ts';
import type { UsageSlices } from './usage-slices.ts';

/** Longer than a write can be on its way, retries and differences between clocks included. */
const IN_FLIGHT_MILLISECONDS = 60_000;

/** A period that was closed. */
export interface ClosedPeriod {
  period: PeriodId;
  /** Milliseconds since the epoch. */
  closedAt: number;
}

/**
 * Lists those of a slice's events as late that were counted while their period was being closed, by a writer that did
 * not know it: whether they are in the package that was then made, packaging finds out from the totals. Does nothing
 * for events that were counted well before.
 */
export async function markMissedLateEvents(
  slices: UsageSlices,
  slice: SliceId,
  candidates: readonly ConsumptionEvent[],
  { period, closedAt }: ClosedPeriod,
  now: number,
): Promise<number> {
  let marked = 0;
  for (const loaded of await slices.loadFrom(slice, 0)) {
    for (let page: SlicePage | undefined = loaded; page && page.countedAt >= closedAt - IN_FLIGHT_MILLISECONDS; ) {
      const { identities, late }: SlicePage = page;
      const events = candidates.filter(({ identity }) => identities.has(identity) && !late.has(identity));
      if (events.length === 0) break;
      const outcome = await slices.markLate(slice, page, { period, events, at: now });
      if (outcome.changed) {
        marked += events.length;
        break;
      }
      page = outcome.current;
    }
  }
  return marked;
}
