import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { add } from '../../../lib/decimal/decimal.ts';
import { differenceOf } from '../../../lib/packages/difference.ts';
import { bodyOf, contentOf, documentText, linesOf, type PackageLine } from '../../../lib/packages/document.ts';
import { linesByPart, MAXIMUM_LINES_BYTES, partOfMeter, partsFor } from '../../../lib/packages/lines.ts';
import { daysOfPeriod, periodOf } from '../../../lib/periods/periods.ts';

const PERIOD = periodOf('2026-12-H2');
const ONE_PART = { number: 1, of: 1 };
const schema = JSON.parse(readFileSync(new URL('../../../docs/package.schema.json', import.meta.url), 'utf8'));
const isPackage = new Ajv2020({ strict: false }).compile(schema);

const quantity = fc.integer({ min: -5_000, max: 5_000 }).map((units) => add('0', String(units / 8)));
const usages = fc
  .uniqueArray(
    fc.record({
      day: fc.constantFrom(...daysOfPeriod(PERIOD)),
      totals: fc.dictionary(fc.constantFrom('calls', 'gb', 'A', '__proto__', 'z/z'), quantity),
      events: fc.nat(1_000),
    }),
    { selector: ({ day }) => day },
  )
  .map((days) => days.sort((one, other) => (one.day < other.day ? -1 : 1)));

/** Quantities by meter and day. */
function flat(lines: readonly PackageLine[]): Map<string, string> {
  return new Map(lines.flatMap(({ meter, days }) => days.map((day) => [`${meter} ${day.day}`, day.quantity])));
}

describe('a document', () => {
  test('fits its JSON Schema, with and without difference and submission', () => {
    fc.assert(
      fc.property(usages, usages, (before, after) => {
        const lines = linesOf(after);
        const content = contentOf('ada', PERIOD, 'Europe/Rome', lines, ONE_PART);
        const first = documentText(content, 1, 7);
        const second = documentText(content, 2, 7, { sinceRevision: 1, lines: differenceOf(linesOf(before), lines) });
        for (const text of [first, second, bodyOf(first, 1), bodyOf(second, 12)]) {
          expect([text, isPackage(JSON.parse(text)), isPackage.errors]).toEqual([text, true, null]);
        }
      }),
    );
  });

  test('has the hash that the schema describes, so that a receiver can check it', () => {
    const lines = linesOf([{ day: '2026-12-31', totals: { calls: '2' }, events: 1 }]);
    const { packageId, part, clientId, period, contentHash, ...rest } = JSON.parse(
      documentText(contentOf('ada', PERIOD, 'UTC', lines, ONE_PART), 3, 9),
    );
    const content = JSON.stringify({ packageId, part, clientId, period, lines: rest.lines });
    expect(contentHash).toBe(createHash('sha256').update(content).digest('hex'));
  });

  test('is the same bytes whatever the order in which meters were met', () => {
    const one = linesOf([{ day: '2026-12-16', totals: { a: '1', b: '2' }, events: 2 }]);
    const other = linesOf([{ day: '2026-12-16', totals: { b: '2', a: '1' }, events: 2 }]);
    const text = (lines: PackageLine[]) => documentText(contentOf('ada', PERIOD, 'UTC', lines, ONE_PART), 1, 2);
    expect(text(one)).toBe(text(other));
  });

  test('gets its submission last and nothing else changes', () => {
    const text = documentText(contentOf('ada', PERIOD, 'UTC', [], ONE_PART), 1, 0);
    expect(bodyOf(text, 3)).toBe(`${text.slice(0, -1)},"submission":3}`);
    expect(JSON.parse(bodyOf(text, 3))).toEqual({ ...JSON.parse(text), submission: 3 });
  });
});

describe('a difference', () => {
  test('added to what was before gives what is after, per meter and day, and says nothing of what did not change', () => {
    fc.assert(
      fc.property(usages, usages, (one, other) => {
        const before = linesOf(one);
        const after = linesOf(other);
        const sums = flat(before);
        for (const [key, change] of flat(differenceOf(before, after))) {
          expect(change).not.toBe('0');
          sums.set(key, add(sums.get(key) ?? '0', change));
        }
        const nonZero = new Map([...sums].filter(([, amount]) => amount !== '0'));
        expect(nonZero).toEqual(flat(after));
      }),
    );
  });

  test('has line totals that are the sums of their days', () => {
    fc.assert(
      fc.property(usages, usages, (one, other) => {
        for (const { quantity: total, days } of differenceOf(linesOf(one), linesOf(other))) {
          expect(total).toBe(days.reduce((sum, day) => add(sum, day.quantity), '0'));
        }
      }),
    );
  });
});

describe('parts', () => {
  const manyLines = (count: number): PackageLine[] =>
    Array.from({ length: count }, (_, index) => ({
      meter: `meter-${index}`,
      quantity: '1',
      days: daysOfPeriod(PERIOD).map((day) => ({ day, quantity: '123456.123456' })),
    }));

  test('are one for nearly all clients', () => {
    expect(partsFor(manyLines(50))).toBe(1);
  });

  test('hold every meter once, and never become fewer', () => {
    const lines = manyLines(2_000);
    const parts = partsFor(lines);
    expect(parts).toBeGreaterThan(4);
    const dealt = linesByPart(lines, parts);
    expect(
      dealt
        .flat()
        .map(({ meter }) => meter)
        .sort(),
    ).toEqual(lines.map(({ meter }) => meter).sort());
    for (const [index, ofPart] of dealt.entries()) {
      expect(new Set(ofPart.map(({ meter }) => partOfMeter(meter, parts)))).toEqual(new Set([index + 1]));
      expect(JSON.stringify(ofPart).length).toBeLessThan(MAXIMUM_LINES_BYTES);
    }
    expect(partsFor(manyLines(1), parts)).toBe(parts);
  });

  test('keep a meter where it is when others come and go', () => {
    expect(partOfMeter('api_calls', 8)).toBe(partOfMeter('api_calls', 8));
    expect(new Set(Array.from({ length: 200 }, (_, index) => partOfMeter(`m${index}`, 8)))).toEqual(
      new Set([1, 2, 3, 4, 5, 6, 7, 8]),
    );
  });
});
