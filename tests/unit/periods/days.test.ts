import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { addDays, BillingCalendar, daysInMonthOf } from '../../../lib/periods/days.ts';
import { daysOfPeriod, nextPeriod, periodIdOfDay, periodOf, previousPeriod } from '../../../lib/periods/periods.ts';

const TIME_ZONES = ['UTC', 'Europe/Rome', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Cairo'];
const instants = fc.integer({ min: Date.parse('2020-01-01T00:00:00Z'), max: Date.parse('2036-12-31T00:00:00Z') });
const zones = fc.constantFrom(...TIME_ZONES);

describe('a calendar agrees with Temporal', () => {
  test('on the day of an instant, and where the day starts and ends', () => {
    fc.assert(
      fc.property(instants, zones, (instant, timeZone) => {
        const calendar = new BillingCalendar(timeZone, 5);
        const zoned = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone);
        const day = calendar.dayOf(instant);
        expect(day).toBe(zoned.toPlainDate().toString());
        expect(calendar.startOfDay(day)).toBe(zoned.startOfDay().epochMilliseconds);
        expect(calendar.endOfDay(day)).toBe(zoned.startOfDay().add({ days: 1 }).startOfDay().epochMilliseconds);
      }),
      { numRuns: 300 },
    );
  });

  test('on adding days and on the length of months', () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: -800, max: 800 }), (instant, days) => {
        const date = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO('UTC').toPlainDate();
        expect(addDays(date.toString(), days)).toBe(date.add({ days }).toString());
        expect(daysInMonthOf(date.toString())).toBe(date.daysInMonth);
      }),
    );
  });
});

describe('slices', () => {
  test('of a day of 25 hours are 300, each met once', () => {
    const calendar = new BillingCalendar('Europe/Rome', 5);
    const last = calendar.positionOf(calendar.endOfDay('2026-10-25') - 1);
    expect(last).toEqual({ day: '2026-10-25', slice: 25 * 12 - 1 });
  });

  test('of a day of 23 hours are 276', () => {
    const calendar = new BillingCalendar('Europe/Rome', 5);
    expect(calendar.positionOf(calendar.endOfDay('2026-03-29') - 1).slice).toBe(23 * 12 - 1);
  });
});

test.each(['Europe/Atlantis', '', 'yesterday'])('the time zone %j does not exist', (timeZone) => {
  expect(() => new BillingCalendar(timeZone, 5)).toThrow(RangeError);
});

test.each(['2026-02-30', '2026-13-01', 'today', ''])('%j is no day', (day) => {
  expect(() => addDays(day, 1)).toThrow(RangeError);
});

describe('periods', () => {
  test.each([
    ['2026-11-H1', '2026-11-01', '2026-11-15', 15],
    ['2026-11-H2', '2026-11-16', '2026-11-30', 15],
    ['2026-02-H2', '2026-02-16', '2026-02-28', 13],
    ['2028-02-H2', '2028-02-16', '2028-02-29', 14],
    ['2026-12-H2', '2026-12-16', '2026-12-31', 16],
  ])('%s is %s to %s', (id, from, to, days) => {
    expect(periodOf(id)).toEqual({ id, from, to });
    expect(daysOfPeriod(periodOf(id))).toHaveLength(days);
  });

  test('follow each other without a gap, and every day is in the one that it names', () => {
    fc.assert(
      fc.property(instants, (instant) => {
        const { id, from, to } = periodOf(periodIdOfDay(new Date(instant).toISOString().slice(0, 10)));
        expect(nextPeriod(id).from).toBe(addDays(to, 1));
        expect(previousPeriod(id).to).toBe(addDays(from, -1));
        expect(daysOfPeriod(periodOf(id)).every((day) => periodIdOfDay(day) === id)).toBe(true);
      }),
    );
  });
});
