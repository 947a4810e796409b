import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type HeaderFields, retryAfterMilliseconds } from '../../../lib/invoice-api/coming-back.ts';

const NOW = Date.UTC(2026, 10, 16, 12, 0, 0);
const httpDate = (milliseconds: number): string => new Date(milliseconds).toUTCString();

const cases: [what: string, headers: HeaderFields, expected: number | undefined][] = [
  ['no hint', {}, undefined],
  ['whole seconds', { 'retry-after': '120' }, 120_000],
  ['a day and more than half', { 'retry-after': '66975' }, 66_975_000],
  ['a fraction, which some send', { 'retry-after': '0.25' }, 250],
  ['a date, by our clock', { 'retry-after': httpDate(NOW + 90_000) }, 90_000],
  [
    'a date, by a server that is an hour ahead',
    { 'retry-after': httpDate(NOW + 3_690_000), date: httpDate(NOW + 3_600_000) },
    90_000,
  ],
  ['a date that has passed', { 'retry-after': httpDate(NOW - 5_000) }, undefined],
  ['zero', { 'retry-after': '0' }, undefined],
  ['zero leaves it to X-RateLimit-Reset', { 'retry-after': '0', 'x-ratelimit-reset': '7' }, 7_000],
  ['seconds since the epoch', { 'retry-after': String(NOW / 1000 + 10) }, 10_000],
  ['milliseconds since the epoch', { 'retry-after': String(NOW + 10_000) }, 10_000],
  ['microseconds since the epoch', { 'x-ratelimit-reset': `${NOW + 10_000}000` }, 10_000],
  ['RFC 3339', { 'retry-after': new Date(NOW + 20_000).toISOString() }, 20_000],
  ['RFC 3339 with an offset', { 'retry-after': '2026-11-16T13:00:30+01:00' }, 30_000],
  ['a date without a zone is UTC', { 'retry-after': '2026-11-16 12:00:30' }, 30_000],
  ['an RFC 850 date', { 'retry-after': 'Monday, 16-Nov-26 12:00:45 GMT' }, 45_000],
  ['an asctime date', { 'retry-after': 'Mon Nov 16 12:00:45 2026' }, 45_000],
  ['seconds in words', { 'retry-after': '20 seconds' }, 20_000],
  ['a duration in units', { 'x-ratelimit-reset': '1m30.5s' }, 90_500],
  ['a duration in milliseconds', { 'x-ratelimit-reset': '250ms' }, 250],
  ['a duration of ISO 8601', { 'retry-after': 'PT1M30S' }, 90_000],
  ['milliseconds, where the name says so', { 'retry-after-ms': '1500', 'retry-after': '2' }, 1_500],
  ['two values that a proxy joined', { 'retry-after': '120, 60' }, 120_000],
  [
    'a server a day behind that adds to its own clock',
    { 'retry-after': httpDate(NOW - 86_400_000 + 8_000), date: httpDate(NOW - 86_400_000) },
    8_000,
  ],
  [
    'a Date in the future that the rest of the answer does not follow',
    { 'retry-after': httpDate(NOW + 8_000), date: httpDate(NOW + 86_400_000) },
    8_000,
  ],
  [
    'the window of the policy, where the limit does not say when',
    { ratelimit: '"m";r=0', 'ratelimit-policy': '"d";q=9;w=86400, "m";q=1;w=60' },
    60_000,
  ],
  ['a window with requests left', { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '30' }, undefined],
  ['no number and no date', { 'retry-after': 'soon' }, undefined],
  ['a negative number', { 'retry-after': '-5' }, undefined],
  ['a year, which nobody means', { 'retry-after': '31536000' }, undefined],
  ['the draft fields', { ratelimit: '"default";r=0;t=30' }, 30_000],
  [
    'the longest of the spent policies',
    { ratelimit: '"burst";r=5;t=900, "minute";r=0;t=30, "day";r=0;t=600' },
    600_000,
  ],
  ['a policy that is not spent says nothing', { ratelimit: '"default";r=50;t=30' }, undefined],
  ['the older draft', { ratelimit: 'limit=100, remaining=0, reset=45' }, 45_000],
  ['Retry-After before RateLimit', { 'retry-after': '5', ratelimit: '"default";r=0;t=30' }, 5_000],
  [
    'an unreadable Retry-After leaves it to RateLimit',
    { 'retry-after': 'soon', ratelimit: '"default";r=0;t=30' },
    30_000,
  ],
  ['RateLimit-Reset in seconds', { 'ratelimit-reset': '12' }, 12_000],
  ['X-RateLimit-Reset in seconds', { 'x-ratelimit-reset': '7' }, 7_000],
  ['X-RateLimit-Reset as a moment', { 'x-ratelimit-reset': String(NOW / 1000 + 40) }, 40_000],
];

test.each(cases)('%s', (_what, headers, expected) => {
  expect(retryAfterMilliseconds(headers, NOW)).toBe(expected);
});

test('whatever the fields hold, the wait is absent or a whole number up to a week', () => {
  const field = fc.option(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), { nil: undefined });
  fc.assert(
    fc.property(field, field, field, field, (retryAfter, ratelimit, reset, date) => {
      const headers = { 'retry-after': retryAfter, ratelimit, 'x-ratelimit-reset': reset, date };
      const wait = retryAfterMilliseconds(headers, NOW);
      if (wait === undefined) return;
      expect(Number.isSafeInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(7 * 24 * 3_600_000);
    }),
  );
});
