import { expect, test } from '@jest/globals';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { daysOfPeriod, endOfPeriod, lastEndedPeriod, nextPeriod, periodOf } from '../../../lib/periods/periods.ts';

const HOUR = 3_600_000;
const ZONES = [
  'UTC',
  'Europe/Rome',
  'Europe/London',
  'America/New_York',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Africa/Casablanca',
];

/** What the calendar on the wall in a zone says at an instant, from the platform's own time zone data. */
function wallCalendar(timeZone: string): (instant: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
  return (instant) => format.format(instant);
}

test.each(ZONES)('periods of 20 years in %s follow each other to the instant', (timeZone) => {
  const calendar = new BillingCalendar(timeZone, 5);
  const dayOnTheWall = wallCalendar(timeZone);
  let startsAt = calendar.startOfDay('2015-01-01');
  for (let period = periodOf('2015-01-H1'); period.id < '2035-01-H1'; period = nextPeriod(period.id)) {
    const days = daysOfPeriod(period);
    const endsAt = endOfPeriod(period, calendar);
    const [year = 0, month = 0] = period.id.split('-').map(Number);
    const lengthOfMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
    expect(days).toHaveLength(period.id.endsWith('H1') ? 15 : lengthOfMonth - 15);
    expect(calendar.startOfDay(period.from)).toBe(startsAt);
    // The first and the last second are of the period's first and last day; one more is not.
    expect(dayOnTheWall(startsAt)).toBe(period.from);
    expect(dayOnTheWall(endsAt - 1)).toBe(period.to);
    expect(calendar.dayOf(endsAt)).toBe(nextPeriod(period.id).from);
    expect(lastEndedPeriod(endsAt - 1, calendar).id).not.toBe(period.id);
    expect(lastEndedPeriod(endsAt, calendar).id).toBe(period.id);
    // At most one change of the clock in half a month or two that cancel out, of an hour at most.
    expect(Math.abs(endsAt - startsAt - days.length * 24 * HOUR)).toBeLessThanOrEqual(HOUR);
    const unusual = days.map((day) => lengthOfDay(day, calendar)).filter((hours) => hours !== 24);
    for (const hours of unusual) expect([23, 23.5, 24.5, 25]).toContain(hours);
    startsAt = endsAt;
  }
});

function lengthOfDay(day: string, calendar: BillingCalendar): number {
  return (calendar.endOfDay(day) - calendar.startOfDay(day)) / HOUR;
}
