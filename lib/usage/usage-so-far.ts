import { quantitiesOf } from '../meters/measure.ts';
import { DayFold, type FoldedDay, fullerDay } from '../packages/day-fold.ts';
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
 * Joins what daily records say with what slices say: a record is as old as its last packaging, and slices may have
 * expired since (see `fullerDay`).
 */
export function usageSoFarOf(
  clientId: string,
  period: PeriodId,
  records: ReadonlyMap<Day, FoldedDay>,
  slices: ReadonlyMap<Day, FoldedDay>,
): UsageSoFar {
  const byDay = new Map(records);
  for (const [day, folded] of slices) {
    const record = records.get(day);
    byDay.set(day, record ? fullerDay(record, folded) : folded);
  }
  const days = [...byDay].map(([day, folded]) => ({ day, ...folded })).filter(({ events }) => events > 0);
  days.sort((one, other) => (one.day < other.day ? -1 : 1));
  const whole = new DayFold();
  for (const { totals, events, firstEventAt, lastEventAt } of days) {
    whole.add({ totals: Object.entries(totals), events, firstEventAt, lastEventAt });
  }
  const { totals, ...rest } = whole.result();
  return { clientId, period, ...rest, totals: quantitiesOf(totals), days: days.map(withQuantities) };
}

function withQuantities<Folded extends FoldedDay>(day: Folded): Folded {
  return { ...day, totals: quantitiesOf(day.totals) };
}
