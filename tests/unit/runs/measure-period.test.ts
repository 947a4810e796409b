import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Segment } from '../../../lib/chunks/planner.ts';
import { type MeasuringProgress, measurePeriod } from '../../../lib/runs/plan.ts';
import type { RecordWeightsPage } from '../../../lib/store/daily-record-marks.ts';

interface ClientDay {
  clientId: string;
  records: number;
}

/** Buckets of client-days in pages of a few; `stops` says after how many pages each call runs short of time. */
async function measure(buckets: ClientDay[][], pageLength: number, stops: readonly number[]) {
  const options = { recordsPerChunk: 80, weights: { pages } };
  const limits = stops.values();
  let pagesRead = 0;
  let progress: MeasuringProgress = {};
  for (let calls = 1; ; calls++) {
    const limit = limits.next().value ?? Number.POSITIVE_INFINITY;
    pagesRead = 0;
    const measured = await measurePeriod('2026-11-H1', progress, {
      ...options,
      isShortOfTime: () => pagesRead >= limit,
    });
    if ('segments' in measured) return { segments: measured.segments, calls };
    // It travels through a table as JSON.
    progress = JSON.parse(JSON.stringify(measured.progress));
  }

  async function* pages(_period: string, bucket: number, after = ''): AsyncGenerator<RecordWeightsPage> {
    const keyed = (buckets[bucket] ?? []).map((day, index) => ({ ...day, key: String(index).padStart(4, '0') }));
    const rest = keyed.filter(({ key }) => key > after);
    for (let start = 0; start < rest.length; start += pageLength) {
      const page = rest.slice(start, start + pageLength);
      pagesRead += 1;
      yield { weights: page, lastKey: page.at(-1)?.key ?? after };
    }
  }
}

const buckets = fc.array(
  fc.array(fc.record({ client: fc.integer({ min: 0, max: 20 }), records: fc.integer({ min: 1, max: 30 }) }), {
    maxLength: 40,
  }),
  { minLength: 16, maxLength: 16 },
);

test('a period that is measured in any number of calls comes to the same segments', async () => {
  await fc.assert(
    fc.asyncProperty(
      buckets,
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 30 }),
      async (drawn, pageLength, stops) => {
        const days = drawn.map((bucket) =>
          bucket
            .toSorted((one, other) => one.client - other.client)
            .map(({ client, records }) => ({ clientId: `client-${String(client).padStart(2, '0')}`, records })),
        );

        const whole: { segments: Segment[] } = await measure(days, pageLength, []);
        const inSteps = await measure(days, pageLength, stops);

        expect(inSteps.segments).toEqual(whole.segments);
        const total = days.flat().reduce((sum, { records }) => sum + records, 0);
        expect(whole.segments.reduce((sum, { weight }) => sum + weight, 0)).toBe(total);
      },
    ),
    { numRuns: 200 },
  );
});

test('a call that has no time at all still gets on', async () => {
  const days = Array.from({ length: 16 }, (_, bucket) => [{ clientId: `client-${bucket}`, records: 1 }]);

  const { calls } = await measure(days, 1, Array(100).fill(0));

  expect(calls).toBeLessThan(20);
});
