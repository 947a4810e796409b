import { expect, test } from '@jest/globals';
import { pictureOf } from '../../../cli/invoice-api/calendar-picture.ts';
import { EMPTY_CALENDAR, type QuotaCalendar } from '../../../lib/quota/calendar.ts';

const NOW = 1_800_000_000_000;
const QUOTA = { send: [], status: [], shared: [{ requests: 60, seconds: 60 }] };
const FRAME = { now: NOW, cells: 6, cellMilliseconds: 10_000 };

function statesOf(calendar: Partial<QuotaCalendar>): string[] {
  return pictureOf({ ...EMPTY_CALENDAR, ...calendar }, QUOTA, FRAME).cells.map(({ state }) => state);
}

const past = (count: number, at: number) => [{ kind: 'send' as const, at, slack: 0, count, clock: 'a' }];

test('an empty calendar is free', () => {
  expect(statesOf({})).toEqual(['free', 'free', 'free', 'free', 'free', 'free']);
});

test('a window that is used up frees when the first request falls out of it', () => {
  const calendar = { ...EMPTY_CALENDAR, past: past(60, NOW - 35_000) };

  expect(statesOf(calendar)).toEqual(['spent', 'spent', 'spent', 'free', 'free', 'free']);
  expect(pictureOf(calendar, QUOTA, FRAME).windows).toEqual([
    { kinds: ['send', 'status'], requests: 60, seconds: 60, used: 60, freesAt: NOW + 25_000 },
  ]);
});

test('requests that have left the window do not count', () => {
  const { windows } = pictureOf({ ...EMPTY_CALENDAR, past: past(60, NOW - 61_000) }, QUOTA, FRAME);

  expect(windows).toMatchObject([{ used: 0 }]);
});

test('a booked turn and a block by the API are seen', () => {
  const booked = [{ id: 'a', kind: 'send' as const, requests: 30, startsAt: NOW + 45_000 }];

  expect(statesOf({ booked, blockedUntil: NOW + 15_000 })).toEqual([
    ...['blocked', 'blocked', 'free', 'free', 'booked', 'free'],
  ]);
});

test('a turn under way counts with all that it may send, until it says what it has sent', () => {
  const turn = { id: 'a', kind: 'send' as const, requests: 20, clock: 'a', openedAt: NOW - 1_000, until: NOW + 5_000 };
  const calendar = { ...EMPTY_CALENDAR, past: past(10, NOW - 30_000), open: { ...turn, expiresAt: NOW + 6_000 } };

  const { windows } = pictureOf(calendar, QUOTA, FRAME);

  expect(windows).toMatchObject([{ used: 30, freesAt: NOW + 30_000 }]);
  expect(pictureOf({ ...calendar, open: { ...turn, expiresAt: NOW } }, QUOTA, FRAME).windows).toMatchObject([
    { used: 10 },
  ]);
});
