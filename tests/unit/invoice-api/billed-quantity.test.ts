import { describe, expect, test } from '@jest/globals';
import { Big } from 'big.js';
import fc from 'fast-check';
import { add, negate } from '../../../lib/decimal/decimal.ts';
import { linesToBill, toldQuantity } from '../../../lib/invoice-api/adapters/billed-quantity.ts';
import type { PackageDocument } from '../../../lib/packages/document.ts';

describe('a quantity as an API is told it', () => {
  test.each([
    ['1.23456', {}, '1.23456'],
    ['1.23445', { decimals: 4 }, '1.2345'],
    ['-1.23445', { decimals: 4 }, '-1.2345'],
    ['1.5', { decimals: 0 }, '2'],
    ['0.00004', { decimals: 4 }, '0'],
    ['123456789.5', { per: '1000000' }, '123.4567895'],
    ['123456789.5', { per: '1000000', decimals: 2 }, '123.46'],
    ['999999999999999999.999999999999', { per: '1' }, '999999999999999999.999999999999'],
  ])('%s by %j is %s', (quantity, rule, told) => {
    expect(toldQuantity(quantity, rule)).toBe(told);
  });
});

describe('what is billed of a document whose quantities are rounded', () => {
  const told = (_meter: string, quantity: string) => toldQuantity(quantity, { decimals: 2 });

  test('is the rounded total after any number of corrections, and within half a unit of the usage', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 8 }), (millionths) => {
        const totals = millionths.map((value) => new Big(value).div(1_000_000).toFixed());
        let billed = '0';
        let before: string | undefined;
        for (const total of totals) {
          for (const { quantity } of linesToBill(documentOf(total, before), told)) billed = add(billed, quantity);
          before = total;
        }
        const last = totals.at(-1) ?? '0';
        expect(billed).toBe(told('storage', last));
        expect(new Big(billed).minus(last).abs().lte('0.005')).toBe(true);
      }),
    );
  });

  test('has no days, whose rounded parts would have another sum', () => {
    expect(linesToBill(documentOf('1.5', undefined), told)).toEqual([{ meter: 'storage', quantity: '1.5', days: [] }]);
  });

  test('is the document itself where nothing is rounded', () => {
    const document = documentOf('1.23456', '1');
    expect(linesToBill(document, undefined)).toBe(document.difference?.lines);
  });
});

/** A document with one meter, and what of it changed since a revision that had another total. */
function documentOf(total: string, before: string | undefined): PackageDocument {
  const line = (quantity: string) => ({ meter: 'storage', quantity, days: [{ day: '2026-11-01', quantity }] });
  const document = { lines: [line(total)] };
  const difference =
    before === undefined ? {} : { difference: { sinceRevision: 1, lines: [line(add(total, negate(before)))] } };
  // Only what is billed by is there.
  return { ...document, ...difference } as unknown as PackageDocument;
}
