import { DayFold, type FoldedDay, foldedSince } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { MeterTotals } from './records.ts';

/** What one client has used in a period up to now. */
export interface UsageSoFar {
  clientId: string;
  period: PeriodId;
  totals: MeterTotals;
  events: number;
  /** RFC 3339, UTC; absent without events. */
  firstEventAt?: string;
  lastEventAt?: string;
  /** The days with usage, in order. */
  days: (FoldedDay & { day: Day })[];
}

/**
 * Joins what daily records say with what slices say. A day that has its slices is taken from them: they hold what was counted a
 * moment ago, while its record is as old as its last packaging. A day whose slices have expired is taken from its record, with what
 * the slices that last have come to hold since.
 */
export function usageSoFarOf(
  clientId: string,
  period: PeriodId,
  records: ReadonlyMap<Day, FoldedDay>,
  slices: ReadonlyMap<Day, FoldedDay>,
): UsageSoFar {
  const byDay = new Map(records);
  for (const [day, folded] of slices) byDay.set(day, latestDay(records.get(day), folded));
  const days = [...byDay].map(([day, folded]) => ({ day, ...folded })).filter(({ events }) => events > 0);
  days.sort((one, other) => (one.day < other.day ? -1 : 1));
  const whole = new DayFold();
  for (const { totals, events, firstEventAt, lastEventAt } of days) {
    whole.add({ totals: Object.entries(totals), events, firstEventAt, lastEventAt });
  }
  return { clientId, period, ...whole.result(), days };
}

/**
 * One day as it stands now.
 * @param record its daily record, if it has one
 * @param folded what those of its slices that are kept add up to
 */
export function latestDay(record: FoldedDay | undefined, folded: FoldedDay): FoldedDay {
  if (!record || passing(folded) >= passing(record)) return folded;
  return foldedSince(record, folded.lasting);
}

/** The events that stand in slices that expire. */
function passing({ events, lasting }: FoldedDay): number {
  return events - (lasting?.events ?? 0);
}
