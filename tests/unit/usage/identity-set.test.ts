import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { identityOf } from '../../../lib/events/identity.ts';
import { IdentitySet } from '../../../lib/usage/identity-set.ts';

test('holds what was put in and nothing else, and gives it back in order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 5_000 }), { maxLength: 200 }), fc.nat({ max: 200 }), (numbers, cut) => {
      const identities = numbers.map((number) => identityOf('test', String(number)));
      const halves = [identities.slice(0, cut), identities.slice(cut)].map((half) => IdentitySet.of(half));

      const set = IdentitySet.union(halves);

      expect(set.size).toBe(identities.length);
      expect([...set]).toEqual(identities);
      expect(identities.every((identity) => set.has(identity))).toBe(true);
      const others = Array.from({ length: 50 }, (_, number) => identityOf('other', String(number)));
      expect(others.some((identity) => set.has(identity))).toBe(false);
    }),
  );
});
