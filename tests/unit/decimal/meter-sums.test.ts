import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { firstDifference, MeterSums, sumOfTotals } from '../../../lib/decimal/meter-sums.ts';

/** Whole quantities by meter, so that machine integers can be the oracle. */
const totals = fc.dictionary(fc.constantFrom('api_calls', 'storage', 'traffic'), fc.integer({ min: -99, max: 99 }), {
  noNullPrototype: true,
});
const asText = (quantities: Record<string, number>) =>
  Object.fromEntries(Object.entries(quantities).map(([meter, quantity]) => [meter, String(quantity)]));

describe('sums by meter', () => {
  test('are the sums of each meter by itself, in the order of meters, without those that came to nothing', () => {
    fc.assert(
      fc.property(totals, totals, (one, other) => {
        const meters = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
        const expected = meters
          .map((meter) => [meter, String((one[meter] ?? 0) + (other[meter] ?? 0))] as const)
          .filter(([, sum]) => sum !== '0');

        expect(Object.entries(sumOfTotals(asText(one), asText(other)))).toEqual(expected);
      }),
    );
  });

  test('come out as they came in, zeros too, where that is asked for', () => {
    const sums = new MeterSums().add('storage', '2').add('api_calls', '1').add('storage', '-2');

    expect(Object.entries(sums.totalsWithZeros())).toEqual([
      ['storage', '0'],
      ['api_calls', '1'],
    ]);
    expect(sums.totals()).toEqual({ api_calls: '1' });
  });

  test('less all that was added are nothing', () => {
    const given = { api_calls: '12.5', storage: '-3' };

    expect(new MeterSums().addAll(given).subtractAll(given).totals()).toEqual({});
  });
});

describe('the first difference', () => {
  test('is none between equal totals, and an absent meter is zero', () => {
    expect(firstDifference({ api_calls: '1.50', storage: '0' }, { api_calls: '1.5' })).toBeUndefined();
  });

  test('is the first in the order of meters, with both quantities', () => {
    const one = { traffic: '1', storage: '2', api_calls: '5' };

    expect(firstDifference(one, { api_calls: '5', traffic: '9' })).toEqual({ meter: 'storage', one: '2', other: '0' });
    expect(firstDifference({ api_calls: '5' }, { ...one, storage: '0' })).toEqual({
      meter: 'traffic',
      one: '0',
      other: '1',
    });
  });
});
