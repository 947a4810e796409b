import { expect, test } from '@jest/globals';
import {
  bookTurn,
  EMPTY_CALENDAR,
  type OpenAnswer,
  openTurn,
  type QuotaCalendar,
} from '../../../lib/quota/calendar.ts';
import { earliest } from '../../../lib/quota/history.ts';
import { limitsOf, type Quota } from '../../../lib/quota/quota.ts';

const START = Date.parse('2026-11-16T02:00:00Z');
const QUOTA: Quota = { send: [], status: [], shared: [] };
const LIMITS = { longest: 300_000, requestTimeout: 30_000 };

const open = (calendar: QuotaCalendar, id: string, requests: number, now: number): OpenAnswer =>
  openTurn(calendar, { id, kind: 'send', requests }, { quota: QUOTA, now, clock: id }, LIMITS);

function waitOf(answer: OpenAnswer, now: number): number {
  if ('turn' in answer) throw new Error('nobody had to wait');
  return answer.waitUntil - now;
}

test("a turn for a few requests lasts no longer than they may need, so that its sender's crash holds nobody up for minutes", () => {
  const few = open(EMPTY_CALENDAR, 'few', 10, START);
  const many = open(EMPTY_CALENDAR, 'many', 100_000, START);

  expect(few).toMatchObject({ turn: { until: START + 25_000 } });
  expect(many).toMatchObject({ turn: { until: START + LIMITS.longest } });
});

test("one who finds another's turn open comes back after as long as it has lasted, and at its end at the latest", () => {
  const { calendar } = open(EMPTY_CALENDAR, 'first', 100_000, START);
  const waits = [1_000, 10_000, 40_000, 250_000].map((age) =>
    waitOf(open(calendar, 'second', 10, START + age), START + age),
  );

  const [soon = 0, later = 0, long = 0, last = 0] = waits;
  expect(soon).toBeGreaterThanOrEqual(2_000);
  expect(soon).toBeLessThan(3_000);
  expect(later).toBeGreaterThanOrEqual(10_000);
  expect(later).toBeLessThan(11_000);
  expect(long).toBeGreaterThanOrEqual(40_000);
  expect(long).toBeLessThan(41_000);
  expect(last).toBeLessThan(LIMITS.longest - 250_000 + 2_000);
});

test('a crashed turn is over when its last request would have timed out, however often others look', () => {
  const opened = open(EMPTY_CALENDAR, 'crashed', 10, START);
  let now = START;
  let answer = open(opened.calendar, 'second', 10, now);
  for (let looks = 0; 'waitUntil' in answer && looks < 20; looks++) {
    now = answer.waitUntil;
    answer = open(answer.calendar, 'second', 10, now);
  }

  expect(answer).toHaveProperty('turn');
  // 25 s of the turn, 30 s of its last request, 2 s between two clocks.
  expect(now - START).toBeGreaterThan(57_000);
  expect(now - START).toBeLessThan(59_000);
});

test('the last request of a crashed turn may have left just before its time-out, and still counts then', () => {
  const quota: Quota = { send: [{ requests: 5, seconds: 1 }], status: [], shared: [] };
  const request = { id: 'crashed', kind: 'send', requests: 5 } as const;
  const opened = openTurn(EMPTY_CALENDAR, request, { quota, now: START, clock: 'a' }, LIMITS);
  const { expiresAt = 0 } = opened.calendar.open ?? {};
  const now = expiresAt + 1;

  const next = openTurn(opened.calendar, { ...request, id: 'next' }, { quota, now, clock: 'a' }, LIMITS);

  expect(next).toHaveProperty('turn');
  expect(earliest(next.calendar.past, limitsOf(quota), 1, now, 'a')).toBeGreaterThanOrEqual(expiresAt + 1_000);
});

test('a turn booked behind an open one is taken for its expected end, not for its latest', () => {
  const { calendar } = open(EMPTY_CALENDAR, 'first', 100_000, START);
  const now = START + 5_000;
  const { startsAt } = bookTurn(
    calendar,
    { id: 'second', kind: 'send', requests: 1 },
    { quota: QUOTA, now, clock: 'second' },
  );

  expect(startsAt - now).toBeGreaterThanOrEqual(5_000);
  expect(startsAt - now).toBeLessThan(10_000);
});
