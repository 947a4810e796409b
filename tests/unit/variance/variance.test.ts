import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compare } from '../../../lib/decimal/decimal.ts';
import { variancesOf } from '../../../lib/variance/variance.ts';

const calls = (...quantities: string[]) => quantities.map((quantity) => ({ calls: quantity }));

test.each([
  ['a client that nobody knew', { calls: '1' }, [undefined, undefined], [{ kind: 'new-client' }]],
  ['a client that is gone', undefined, calls('5', '5'), [{ kind: 'vanished-client' }]],
  ['one that was away already', undefined, [undefined, { calls: '5' }], []],
  [
    'a meter that it never used',
    { calls: '5', call: '1' },
    calls('5', '5'),
    [{ kind: 'new-meter', meter: 'call', quantity: '1', median: '0' }],
  ],
  [
    'a meter that fell silent',
    { storage: '1' },
    [
      { storage: '1', calls: '5' },
      { storage: '1', calls: '5' },
    ],
    [{ kind: 'silent-meter', meter: 'calls', quantity: '0', median: '5' }],
  ],
  [
    'a tenfold spike',
    { calls: '1000' },
    calls('100', '110', '90'),
    [{ kind: 'above', meter: 'calls', quantity: '1000', median: '100', usual: { from: '50', to: '150' } }],
  ],
  [
    'a tenth of what is usual',
    { calls: '10' },
    calls('100', '110', '90'),
    [{ kind: 'below', meter: 'calls', quantity: '10', median: '100', usual: { from: '50', to: '150' } }],
  ],
  [
    'credits that grow',
    { calls: '-40' },
    calls('-10', '-10'),
    [{ kind: 'below', meter: 'calls', quantity: '-40', median: '-10', usual: { from: '-15', to: '-5' } }],
  ],
  ['the bound itself', { calls: '150' }, calls('100', '110', '90'), []],
  ['usage that always goes up and down', { calls: '290' }, calls('100', '300', '20', '180'), []],
  ['a second period', { calls: '1000' }, calls('1'), []],
  ['what lies before the first usage', { calls: '100' }, [...calls('100', '100'), undefined, undefined, undefined], []],
])('it tells of %s', (_what, now, before, told) => {
  expect(variancesOf(now, before)).toEqual(told);
});

test('one odd period among five, wherever it stands, neither hides a spike nor makes a usual one odd', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: 10n ** 30n }),
      fc.bigInt({ min: 0n, max: 10n ** 40n }),
      fc.nat(4),
      (usual, odd, at) => {
        const before = Array.from({ length: 5 }, (_, index) => ({ calls: String(index === at ? odd : usual) }));

        expect(variancesOf({ calls: String(usual) }, before)).toEqual([]);
        expect(variancesOf({ calls: String(usual * 10n) }, before)).toMatchObject([
          { kind: 'above', median: String(usual) },
        ]);
      },
    ),
  );
});

test('what is told as above or below lies outside of the bounds that are told with it', () => {
  const quantity = fc.integer({ min: -1_000, max: 1_000 }).map((units) => String(units / 8));
  fc.assert(
    fc.property(quantity, fc.array(quantity, { minLength: 2, maxLength: 8 }), (now, before) => {
      for (const { kind, usual } of variancesOf({ calls: now }, calls(...before))) {
        if (!usual) continue;
        expect(compare(usual.from, usual.to)).toBeLessThanOrEqual(0);
        expect(kind === 'above' ? compare(now, usual.to) : compare(usual.from, now)).toBeGreaterThan(0);
      }
    }),
  );
});
