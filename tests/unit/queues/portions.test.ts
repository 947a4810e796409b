import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Delivery, portionsOf } from '../../../lib/queues/portions.ts';

/** What the queue of `resources/queues.yml` gives up after. */
const MAXIMUM_RECEIVES = 12;
const FULL_BATCH = 10_000;

/** Delivers a batch until it is counted or given up; what is counted beside a bad message is deleted before. */
function deadLettersOf(messageIds: readonly string[], isBad: (messageId: string) => boolean): string[] {
  let left = [...messageIds];
  for (let receives = 1; receives <= MAXIMUM_RECEIVES; receives++) {
    const deleted = new Set<string>();
    for (const portion of portionsOf(left.map((messageId): Delivery => ({ messageId, receives })))) {
      if (portion.some(({ messageId }) => isBad(messageId))) break;
      for (const { messageId } of portion) deleted.add(messageId);
    }
    left = left.filter((messageId) => !deleted.has(messageId));
  }
  return left;
}

test('one or two bad messages of a full batch, wherever they are, go to the dead letters alone', () => {
  const messageIds = Array.from({ length: FULL_BATCH }, (_, index) => `message-${index}`);
  const places = fc.integer({ min: 0, max: FULL_BATCH - 1 });

  fc.assert(
    fc.property(places, places, (one, other) => {
      const bad = new Set([`message-${one}`, `message-${other}`]);
      expect(deadLettersOf(messageIds, (messageId) => bad.has(messageId)).sort()).toEqual([...bad].sort());
    }),
    { numRuns: 6 },
  );
});

test('every message is in one portion, those that are not suspect in the first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: MAXIMUM_RECEIVES }), { minLength: 1 }), (receives) => {
      const deliveries = receives.map((each, index) => ({ messageId: `message-${index}`, receives: each }));
      const portions = portionsOf(deliveries);

      expect(portions.flat().toSorted(byId)).toEqual(deliveries.toSorted(byId));
      const fresh = deliveries.filter((delivery) => delivery.receives < 3);
      if (fresh.length > 0) expect(portions[0]).toEqual(fresh);
    }),
  );
});

function byId({ messageId: one }: Delivery, { messageId: other }: Delivery): number {
  return one < other ? -1 : 1;
}
