import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { addDays, type BillingCalendar, type Day, daysInMonthOf } from './days.ts';

/** Half a month: `2026-11-H1` is the 1st to the 15th, `2026-11-H2` the 16th to the month's end. */
export type PeriodId = string;

/** A period with the days it covers, both ends included. */
export interface Period {
  id: PeriodId;
  from: Day;
  to: Day;
}

const PERIOD_FORM = /^(\d{4})-(0[1-9]|1[0-2])-H([12])$/;
const LAST_DAY_OF_FIRST_HALF = 15;

/** The text is not a period id. */
export class InvalidPeriod extends HalfmonthError {
  readonly code = 'INVALID_PERIOD';
  readonly given: unknown;

  constructor(given: unknown) {
    super(
      `${JSON.stringify(given)} is not a billing period. Write the year, the month and the half, as in "2026-11-H1" ` +
        'for the 1st to the 15th or "2026-11-H2" for the 16th to the end of the month.',
    );
    this.given = given;
  }
}

/** The period with this id. @throws InvalidPeriod when the id has another form */
export function periodOf(id: unknown): Period {
  const [, year, month, half] = PERIOD_FORM.exec(String(id)) ?? [];
  if (typeof id !== 'string' || !year || !month || !half) throw new InvalidPeriod(id);
  if (half === '1') return { id, from: `${year}-${month}-01`, to: `${year}-${month}-${LAST_DAY_OF_FIRST_HALF}` };
  const from = `${year}-${month}-${LAST_DAY_OF_FIRST_HALF + 1}`;
  return { id, from, to: `${year}-${month}-${daysInMonthOf(from)}` };
}

/** The id of the period that a day belongs to. */
export function periodIdOfDay(day: Day): PeriodId {
  return `${day.slice(0, 7)}-H${Number(day.slice(8, 10)) <= LAST_DAY_OF_FIRST_HALF ? 1 : 2}`;
}

/** The period just before this one. @throws InvalidPeriod */
export function previousPeriod(id: PeriodId): Period {
  return periodOf(periodIdOfDay(addDays(periodOf(id).from, -1)));
}

/** The period just after this one. @throws InvalidPeriod */
export function nextPeriod(id: PeriodId): Period {
  return periodOf(periodIdOfDay(addDays(periodOf(id).to, 1)));
}

/** The last period that had ended by an instant (milliseconds since the epoch), in the calendar's time zone. */
export function lastEndedPeriod(now: number, calendar: BillingCalendar): Period {
  return previousPeriod(periodIdOfDay(calendar.dayOf(now)));
}

/** The first instant after a period, in milliseconds since the epoch. */
export function endOfPeriod(period: Period, calendar: BillingCalendar): number {
  return calendar.endOfDay(period.to);
}

/** The days of a period, in order. */
export function daysOfPeriod(period: Period): Day[] {
  const days: Day[] = [];
  // Written as year, month and day, days compare as text.
  for (let day = period.from; day <= period.to; day = addDays(day, 1)) days.push(day);
  return days;
}
