import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalHash, canonicalJson, canonicalPieces, sha256 } from '../../../lib/certificate/seal.ts';

test('the pieces of any JSON are its one canonical text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect([...canonicalPieces({ value })].join('')).toBe(canonicalJson({ value }));
    }),
  );
});

test('sums of many meters come in pieces, and have the hash of their one text', () => {
  const totals = Object.fromEntries(Array.from({ length: 20_000 }, (_, meter) => [`meter-${meter}`, `${meter}.5`]));
  const value = { usage: { days: { totals }, control: undefined }, billed: totals, number: 7 };

  const pieces = [...canonicalPieces(value)];

  expect(pieces.length).toBeGreaterThan(10);
  expect(pieces.join('')).toBe(canonicalJson(value));
  expect(canonicalHash(value)).toBe(sha256(canonicalJson(value)));
});
