import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { add, compare, DecimalSum, InvalidDecimal, negate, normalize, sum } from '../../../lib/decimal/decimal.ts';

/** Units of 10^-12, up to 18 integer digits: every quantity that an event can carry. */
const unitsOfQuantity = fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n });
const shortUnits = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
const quantity = fc.tuple(fc.oneof(unitsOfQuantity, shortUnits), fc.nat({ max: 12 }));

/** The decimal of `units * 10 ** -scale`, written by hand as an oracle. */
function decimalOf(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''}`;
}

describe('the normalized form', () => {
  test.each([
    ['1250', '1250'],
    ['1250.00', '1250'],
    ['-0', '0'],
    ['0.000', '0'],
    ['007.10', '7.1'],
    ['1E+20', '100000000000000000000'],
    ['1.5e-7', '0.00000015'],
    ['.5', '0.5'],
    ['-3.', '-3'],
  ])('of %s is %s', (given, normal) => {
    expect(normalize(given)).toBe(normal);
  });

  test.each(['', ' ', '1 ', '+1', 'NaN', 'Infinity', '0x1f', '1_000', '1,5', '--1', '1e9999', '.', '-', '1.2.3'])(
    '%j is no decimal',
    (given) => {
      expect(() => normalize(given)).toThrow(InvalidDecimal);
      expect(() => new DecimalSum().add(given)).toThrow(InvalidDecimal);
    },
  );
});

test('what is no decimal is named in a line, however long it is', () => {
  expect(new InvalidDecimal('1'.repeat(1_000)).message).toMatch(/^"1{100}" is not a decimal number/);
});

describe('arithmetic is exact', () => {
  test('where a double is not', () => {
    expect(add('0.1', '0.2')).toBe('0.3');
    expect(add('1000000000000000000', '-0.000000000001')).toBe('999999999999999999.999999999999');
  });

  test('a sum equals the sum of whole units, for any values in any order', () => {
    fc.assert(
      fc.property(fc.array(quantity, { maxLength: 50 }), (quantities) => {
        const units = quantities.reduce((total, [value, scale]) => total + value * 10n ** BigInt(12 - scale), 0n);
        const decimals = quantities.map(([value, scale]) => decimalOf(value, scale));

        expect(sum(decimals)).toBe(decimalOf(units, 12));
        expect(decimals.reduce(add, '0')).toBe(decimalOf(units, 12));
      }),
    );
  });

  test('what is added and subtracted again leaves nothing', () => {
    fc.assert(
      fc.property(quantity, quantity, ([a, scaleOfA], [b, scaleOfB]) => {
        const [x, y] = [decimalOf(a, scaleOfA), decimalOf(b, scaleOfB)];
        expect(add(add(x, y), negate(y))).toBe(x);
        expect(add(x, negate(x))).toBe('0');
        expect(Math.sign(compare(x, y)) + Math.sign(compare(y, x))).toBe(0);
      }),
    );
  });

  test('a value of more digits than a safe integer has is added as it is', () => {
    expect(sum(['9007199254740993'])).toBe('9007199254740993');
    expect(sum(['90071992547409.93', '0.01'])).toBe('90071992547409.94');
    expect(sum(['-99999999999999999', '99999999999999998'])).toBe('-1');
  });

  test('a sum that leaves the safe integers stays exact', () => {
    const total = new DecimalSum();
    for (let count = 0; count < 20; count++) total.add('999999999999999').add('0.1');
    expect(total.toString()).toBe('19999999999999982');
  });
});
