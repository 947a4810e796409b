import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  bookTurn,
  type CalendarMoment,
  closeTurn,
  EMPTY_CALENDAR,
  liftBlock,
  openTurn,
  type QuotaCalendar,
  restoredCalendar,
} from '../../../lib/quota/calendar.ts';
import { earliest, type PastRequests } from '../../../lib/quota/history.ts';
import { limitsOf, type Quota, type QuotaWindow } from '../../../lib/quota/quota.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';

const START = Date.parse('2026-11-17T02:00:00Z');
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIMITS = { longest: 300_000, requestTimeout: 30_000 };

const quotaOf = (...shared: QuotaWindow[]): Quota => ({ send: [], status: [], shared });
const DAILY = quotaOf({ requests: 5_000, seconds: 86_400 });
const at = (now: number, clock: string, quota = DAILY): CalendarMoment => ({ quota, now, clock });
const run = (name: string) => ({ id: `${name}/send/0-15`, kind: 'send' as const, requests: 9_000 });

const spentDay: QuotaCalendar = {
  ...EMPTY_CALENDAR,
  past: [{ kind: 'send', at: START, slack: 500, count: 5_000, clock: 'a' }],
};

test('a new run looks a minute after the booking of a stopped one, and sends in the window that the stopped one leaves', () => {
  const stopped = bookTurn(spentDay, run('stopped'), at(START + HOUR, 'a'));
  const next = bookTurn(stopped.calendar, run('next'), at(START + 2 * HOUR, 'b'));
  expect(next.startsAt).toBeGreaterThan(stopped.startsAt);
  expect(next.startsAt - stopped.startsAt).toBeLessThan(2 * MINUTE);

  expect(openTurn(next.calendar, run('next'), at(next.startsAt, 'b'), LIMITS)).toHaveProperty('turn');
});

test('a new run that finds the earlier one at work waits for the window after it', () => {
  const first = bookTurn(spentDay, run('first'), at(START + HOUR, 'a'));
  const next = bookTurn(first.calendar, run('next'), at(START + 2 * HOUR, 'b'));
  const opened = openTurn(next.calendar, run('first'), at(first.startsAt, 'a'), LIMITS);
  if (!('turn' in opened)) throw new Error('no turn for the first');
  const now = first.startsAt + 30_000;
  const sent = [{ kind: 'send' as const, at: now, slack: 100, count: 5_000, clock: 'a' }];
  const report = { sent, answered: true, failuresInARow: 0 };
  const closed = closeTurn(opened.calendar, opened.turn, report, at(now, 'a'));

  const again = openTurn(closed, run('next'), at(next.startsAt, 'b'), LIMITS);

  expect('waitUntil' in again && again.waitUntil).toBeGreaterThanOrEqual(now + DAY);
});

test('a longer window added in mid-run knows what has left before', () => {
  const before = quotaOf({ requests: 60, seconds: 60 });
  const after = quotaOf({ requests: 60, seconds: 60 }, { requests: 5_000, seconds: 86_400 });
  let calendar = EMPTY_CALENDAR;
  let now = START;
  for (let minute = 0; minute < 80; minute++) {
    const request = { id: 'run', kind: 'send' as const, requests: 60 };
    const opened = openTurn(calendar, request, at(now, 'a', before), LIMITS);
    if (!('turn' in opened)) throw new Error('no turn');
    const sent = [{ kind: 'send' as const, at: now, slack: 100, count: 60, clock: 'a' }];
    calendar = closeTurn(
      opened.calendar,
      opened.turn,
      { sent, answered: true, failuresInARow: 0 },
      at(now, 'a', before),
    );
    now += 61_000;
  }

  expect(calendar.past.reduce((sum, { count }) => sum + count, 0)).toBe(4_800);
  // 200 are left of the day; for one more the first of the others must be a day old.
  expect(earliest(calendar.past, limitsOf(after), 200, now, 'a')).toBeLessThan(now + MINUTE + 1_000);
  const more = earliest(calendar.past, limitsOf(after), 201, now, 'a');
  expect(more).toBeGreaterThanOrEqual(START + DAY);
  expect(more).toBeLessThan(START + DAY * 1.02 + MINUTE);
});

test('what is kept for windows that may come stays a few dozen entries, in a month of sending', () => {
  const quota = quotaOf({ requests: 60, seconds: 60 });
  let calendar = EMPTY_CALENDAR;
  for (let now = START; now < START + 31 * DAY; now += 10 * MINUTE) {
    const opened = openTurn(calendar, { id: 'run', kind: 'send', requests: 60 }, at(now, 'a', quota), LIMITS);
    if (!('turn' in opened)) throw new Error('no turn');
    const sent = [{ kind: 'send' as const, at: now, slack: 100, count: 60, clock: 'a' }];
    calendar = closeTurn(
      opened.calendar,
      opened.turn,
      { sent, answered: true, failuresInARow: 0 },
      at(now, 'a', quota),
    );
  }
  expect(calendar.past.length).toBeLessThan(130);
  expect(JSON.stringify(calendar).length).toBeLessThan(20_000);
});

test('a block of days is looked at every quarter of an hour, keeps who said it, and ends when a person lifts it', () => {
  const opened = openTurn(EMPTY_CALENDAR, run('run'), at(START, 'a'), LIMITS);
  if (!('turn' in opened)) throw new Error('no turn');
  const report = {
    sent: [],
    answered: false,
    failuresInARow: 1,
    blockedUntil: START + 6 * DAY,
    blockedBy: 'HTTP 429, Retry-After: 518400: Throttled',
  };
  const blocked = closeTurn(opened.calendar, opened.turn, report, at(START, 'a'));
  const waiting = openTurn(blocked, run('run'), at(START + MINUTE, 'a'), LIMITS);
  expect(blocked).toMatchObject({ blockedUntil: START + 6 * DAY, blockedBy: report.blockedBy });
  expect('waitUntil' in waiting && waiting.waitUntil).toBe(START + 16 * MINUTE);

  const lifted = liftBlock(
    waiting.calendar,
    decisionOfPerson('their support says it was a mistake'),
    START + 2 * MINUTE,
  );

  expect(lifted).toMatchObject({
    blockedUntil: 0,
    blocksInARow: 0,
    lifted: { ...decisionOfPerson('their support says it was a mistake'), blockedBy: report.blockedBy },
  });
  expect(lifted).not.toHaveProperty('blockedBy');
  expect(openTurn(lifted, run('run'), at(START + 16 * MINUTE, 'a'), LIMITS)).toHaveProperty('turn');
});

const windows = fc.uniqueArray(
  fc.record({ requests: fc.integer({ min: 1, max: 20 }), seconds: fc.constantFrom(1, 5, 60, 600) }),
  { selector: ({ seconds }) => seconds, minLength: 1, maxLength: 3 },
);

test('a calendar that went back holds every window, whatever was sent meanwhile', () => {
  fc.assert(
    fc.property(windows, windows, fc.integer({ min: 0, max: 900_000 }), (send, shared, meanwhile) => {
      const quota = { send, status: [], shared };
      const since = START;
      const limits = limitsOf(quota, 'send');
      // What was sent meanwhile, as much as was ever allowed; the calendar that is restored knows none of it.
      const sent: PastRequests[] = [];
      for (let at = since + 1; sent.length < 200; ) {
        at = earliest(sent, limits, 1, at, 'a');
        if (at > since + meanwhile) break;
        sent.push({ kind: 'send', at, slack: 0, count: 1, clock: 'a' });
      }
      const at = since + meanwhile;

      const { past, restored } = restoredCalendar(EMPTY_CALENDAR, quota, { at, since });
      const next = earliest(past, limits, 1, at, '');

      expect(restored).toEqual({ at, since });
      for (const { requests, milliseconds } of limits)
        expect(sent.filter((each) => each.at > next - milliseconds).length).toBeLessThan(requests);
    }),
  );
});

test('a calendar that went back is kept for no longer than its windows were open to what is not known', () => {
  const quota = {
    send: [
      { requests: 10, seconds: 1 },
      { requests: 5_000, seconds: 86_400 },
    ],
    status: [],
    shared: [],
  };

  const { past } = restoredCalendar(EMPTY_CALENDAR, quota, { at: START + 60_000, since: START });

  // At ten a second, 610 at the most were sent within the minute, so 4,390 are left of the day's.
  expect(past.reduce((sum, { count }) => sum + count, 0)).toBe(610);
  expect(earliest(past, limitsOf(quota, 'send'), 10, START + 60_000, '')).toBeLessThan(START + 65_000);
});
