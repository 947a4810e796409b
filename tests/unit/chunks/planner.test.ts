import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ClientRange, rangesAfter, rangesOf } from '../../../lib/chunks/bounds.ts';
import {
  dealOverBuckets,
  joinSegments,
  MAXIMUM_CHUNKS,
  type PlannedChunk,
  SegmentBuilder,
} from '../../../lib/chunks/planner.ts';

interface Client {
  clientId: string;
  weight: number;
}

/** Plans buckets of clients, which are in the order of their ids. */
function planOf(buckets: readonly Client[][], recordsPerChunk: number, maximumChunks = MAXIMUM_CHUNKS): PlannedChunk[] {
  const segments = buckets.flatMap((clients, bucket) => {
    const builder = new SegmentBuilder(bucket, recordsPerChunk);
    for (const { clientId, weight } of clients) builder.add(clientId, weight);
    return builder.finish();
  });
  return joinSegments(segments, recordsPerChunk, maximumChunks);
}

function holds({ bucket, after, upTo }: ClientRange, inBucket: number, clientId: string): boolean {
  return bucket === inBucket && (after === undefined || clientId > after) && (upTo === undefined || clientId <= upTo);
}

const name = (number: number) => `client-${String(number).padStart(7, '0')}`;
const bucketsOfClients = fc
  .array(fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 60 })), { maxLength: 40 }), {
    minLength: 16,
    maxLength: 16,
  })
  .map((buckets) =>
    buckets.map((clients) =>
      [...new Map(clients)]
        .sort(([one], [other]) => one - other)
        .map(([id, weight]) => ({ clientId: name(id), weight })),
    ),
  );

describe('a plan', () => {
  test('covers every client, known or new, exactly once', () => {
    fc.assert(
      fc.property(bucketsOfClients, fc.integer({ min: 1, max: 400 }), (buckets, target) => {
        const ranges = planOf(buckets, target).flatMap(({ bounds }) => rangesOf(bounds));
        for (let bucket = 0; bucket < buckets.length; bucket++) {
          for (const clientId of ['', name(250), 'zzz', ...(buckets[bucket] ?? []).map((client) => client.clientId)]) {
            expect(ranges.filter((range) => holds(range, bucket, clientId))).toHaveLength(1);
          }
        }
      }),
    );
  });

  test('makes no chunk heavier than asked, but for a client that is heavier by itself', () => {
    fc.assert(
      fc.property(bucketsOfClients, fc.integer({ min: 1, max: 400 }), (buckets, target) => {
        const heaviest = Math.max(0, ...buckets.flat().map(({ weight }) => weight));
        for (const { weight } of planOf(buckets, target))
          expect(weight).toBeLessThanOrEqual(Math.max(target, heaviest));
      }),
    );
  });

  test('with one client of 100,000 slices among 100,000 of one gives no worker more than twice what is asked', () => {
    const buckets = Array.from({ length: 16 }, (_, bucket) =>
      Array.from({ length: 6_250 }, (_, index) => ({
        clientId: name(index),
        weight: bucket === 7 && index === 3_000 ? 100_001 : 2,
      })),
    );
    const chunks = planOf(buckets, 100_000);
    expect(chunks).toHaveLength(4);
    expect(Math.max(...chunks.map(({ weight }) => weight))).toBeLessThanOrEqual(2 * 100_000);
    // All but the last are as good as full.
    expect(chunks.slice(0, -1).every(({ weight }) => weight > 50_000)).toBe(true);
  });

  test('of nothing is one empty chunk', () => {
    expect(
      planOf(
        Array.from({ length: 16 }, () => []),
        1_000,
      ),
    ).toEqual([{ bounds: { fromBucket: 0, toBucket: 15 }, weight: 0 }]);
  });

  test('that would have too many chunks gets larger ones; its numbers and all answers fit into a payload', () => {
    const buckets = Array.from({ length: 16 }, () =>
      Array.from({ length: 5_000 }, (_, index) => ({ clientId: name(index), weight: 8 })),
    );
    const chunks = planOf(buckets, 10);
    expect(chunks.length).toBeLessThanOrEqual(MAXIMUM_CHUNKS);
    expect(chunks.length).toBeGreaterThan(MAXIMUM_CHUNKS / 2);
    const numbers = JSON.stringify(Array.from({ length: MAXIMUM_CHUNKS }, (_, index) => index + 1));
    const answers = JSON.stringify(Array.from({ length: MAXIMUM_CHUNKS }, () => ({})));
    expect(numbers.length + answers.length).toBeLessThan(256 * 1_024);
  });
});

test('dealt over buckets, ten workers that take one chunk after the other never meet in a partition key', () => {
  const buckets = Array.from({ length: 16 }, () =>
    Array.from({ length: 500 }, (_, index) => ({ clientId: name(index), weight: 10 })),
  );
  const planned = planOf(buckets, 400);
  const dealt = dealOverBuckets(planned);

  expect(new Set(dealt)).toEqual(new Set(planned));
  expect(dealt).toHaveLength(planned.length);
  const taken = dealt.map(({ bounds }) => bounds.fromBucket);
  // The last round holds what buckets have beyond the shortest of them.
  for (let first = 0; first + 10 <= taken.length - 16; first++) {
    expect(new Set(taken.slice(first, first + 10)).size).toBe(10);
  }
});

test('what is left of a chunk begins after the last client that is done', () => {
  const ranges = rangesOf({ fromBucket: 2, after: 'b', toBucket: 4, upTo: 'm' });
  expect(rangesAfter(ranges, { bucket: 3, clientId: 'k' })).toEqual([
    { bucket: 3, after: 'k' },
    { bucket: 4, upTo: 'm' },
  ]);
  expect(rangesAfter(ranges, { bucket: 4, clientId: 'm' })).toEqual([]);
  expect(
    rangesAfter(
      [
        { bucket: 1, only: 'a' },
        { bucket: 1, only: 'c' },
      ],
      { bucket: 1, clientId: 'a' },
    ),
  ).toEqual([{ bucket: 1, only: 'c' }]);
});
