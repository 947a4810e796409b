import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { identityOf } from '../../../lib/events/identity.ts';
import { IdentityTable } from '../../../local/start/identity-table.ts';

test('it answers as a map of identities to their first content would, however it grows', () => {
  const meetings = fc.array(fc.record({ id: fc.nat(60), content: fc.nat(2) }), { maxLength: 300 });
  fc.assert(
    fc.property(meetings, (met) => {
      const table = new IdentityTable(4);
      const model = new Map<number, number>();
      for (const { id, content } of met) {
        const known = model.get(id);
        const expected = known === undefined ? 'new' : known === content ? 'same' : 'conflict';
        if (known === undefined) model.set(id, content);
        expect(table.meet(identityOf('/source', String(id)), String(content))).toBe(expected);
      }
      expect(table.size).toBe(model.size);
    }),
  );
});
