import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type HeaderFields, retryAfterMilliseconds } from '../../../lib/invoice-api/answers.ts';

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
  ['a date that has passed', { 'retry-after': httpDate(NOW - 5_000) }, 0],
  ['no number and no date', { 'retry-after': 'soon' }, undefined],
  ['a negative number', { 'retry-after': '-5' }, undefined],
  ['a year, cut to a week', { 'retry-after': '31536000' }, 7 * 24 * 3_600_000],
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

test('whatever the fields hold, the wait is absent or a whole number from 0 to a week', () => {
  const field = fc.option(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), { nil: undefined });
  fc.assert(
    fc.property(field, field, field, field, (retryAfter, ratelimit, reset, date) => {
      const headers = { 'retry-after': retryAfter, ratelimit, 'x-ratelimit-reset': reset, date };
      const wait = retryAfterMilliseconds(headers, NOW);
      if (wait === undefined) return;
      expect(Number.isSafeInteger(wait)).toBe(true);
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(7 * 24 * 3_600_000);
    }),
  );
});
