import { expect, test } from '@jest/globals';
import { isClientId, isMeter } from '../../../lib/events/consumption-event.ts';
import { AFTER_EVERYTHING, SEPARATOR } from '../../../lib/store/keys.ts';

test.each(['a', 'client-1', 'tenant:eu/acme@example.com', 'A_b=c+d|e.f', 'x'.repeat(128)])(
  '%s is a client id',
  (id) => {
    expect(isClientId(id)).toBe(true);
  },
);

test.each([
  '',
  'x'.repeat(129),
  'a b',
  `a${SEPARATOR}b`,
  `a${AFTER_EVERYTHING}`,
  'a\n',
  '\u0430cme',
  'ü',
  'a~2',
  'a\u0000',
  'a,b',
])('%j is none', (id) => {
  expect(isClientId(id)).toBe(false);
});

test.each([undefined, null, 7, {}, ['a']])('%j is none', (id) => {
  expect(isClientId(id)).toBe(false);
});

test('a meter has at most 64 characters', () => {
  expect(isMeter('storage_gb_hours')).toBe(true);
  expect(isMeter('x'.repeat(64))).toBe(true);
  expect(isMeter('x'.repeat(65))).toBe(false);
  expect(isMeter('api calls')).toBe(false);
});

test.each(['__proto__', 'constructor'])('%s is no meter, since totals are kept by meter', (name) => {
  expect(isMeter(name)).toBe(false);
});
