import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodedIds, IDS_PER_STATUS_READ, statusBatches } from '../../../lib/invoice-api/invoice-api.ts';

const packageIds = fc.array(fc.stringMatching(/^[A-Za-z0-9._:@|/+=~-]{1,140}$/), { maxLength: 300 });

test('the batches are the ids, in order', () => {
  fc.assert(fc.property(packageIds, (ids) => expect(statusBatches(ids).flat()).toEqual(ids)));
});

test('each batch fits one request: at most 100 ids and 7,000 octets', () => {
  fc.assert(
    fc.property(packageIds, (ids) => {
      for (const batch of statusBatches(ids)) {
        expect(batch.length).toBeLessThanOrEqual(IDS_PER_STATUS_READ);
        expect(Buffer.byteLength(encodedIds(batch))).toBeLessThanOrEqual(7_000);
      }
    }),
  );
});

test('no batch could take the first id of the next', () => {
  fc.assert(
    fc.property(packageIds, (ids) => {
      const batches = statusBatches(ids);
      batches.slice(1).forEach((next, index) => {
        const joined = [...(batches[index] ?? []), ...next.slice(0, 1)];
        expect(joined.length > IDS_PER_STATUS_READ || encodedIds(joined).length >= 7_000).toBe(true);
      });
    }),
  );
});

test('short ids fill a batch of 100', () => {
  const ids = Array.from({ length: 250 }, (_, index) => `2026-11-H1.client-${index}`);
  expect(statusBatches(ids).map((batch) => batch.length)).toEqual([100, 100, 50]);
});
