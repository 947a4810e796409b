import { type Segment, SegmentBuilder, type SegmentProgress } from '../chunks/planner.ts';
import type { PeriodId } from '../periods/periods.ts';
import { BUCKETS } from '../store/keys.ts';
import type { RecordWeights } from '../store/record-weights.ts';

/** How far one bucket has been read. */
interface BucketProgress {
  isDone: boolean;
  /** The last key that was read. */
  lastKey?: string;
  builder: SegmentProgress;
}

/** How far a period has been measured, bucket by bucket; plain JSON. A bucket that was not begun is absent. */
export type MeasuringProgress = Record<number, BucketProgress>;

/** What measuring works with. */
export interface MeasuringOptions {
  weights: Pick<RecordWeights, 'pages'>;
  recordsPerChunk: number;
  /** Asked after each page: whether to stop where it is. */
  isShortOfTime: () => boolean;
}

const BUCKETS_AT_ONCE = 4;

/**
 * Weighs a period's clients in the order of their keys. Buckets are read a few at a time; what is held is the segments, not the
 * records. What was weighed before is not weighed again: weights are estimates, and clients who have come since are in the stretch
 * of their neighbours.
 * @param before how far an earlier call has come
 * @returns the segments, or how far it has come where time ran short
 */
export async function measurePeriod(
  periodId: PeriodId,
  before: MeasuringProgress,
  { weights, recordsPerChunk, isShortOfTime }: MeasuringOptions,
): Promise<{ segments: Segment[] } | { progress: MeasuringProgress }> {
  const progress: MeasuringProgress = { ...before };
  const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
  const waiting = buckets.filter((bucket) => !before[bucket]?.isDone).values();
  const worker = async (): Promise<void> => {
    for (const bucket of waiting) {
      progress[bucket] = await measureBucket(bucket, before[bucket]);
      if (isShortOfTime()) return;
    }
  };
  const measureBucket = async (bucket: number, begun: BucketProgress | undefined): Promise<BucketProgress> => {
    const builder = new SegmentBuilder(bucket, recordsPerChunk, begun?.builder);
    let lastKey = begun?.lastKey;
    for await (const page of weights.pages(periodId, bucket, lastKey)) {
      for (const { clientId, records } of page.weights) builder.add(clientId, records);
      lastKey = page.lastKey;
      if (isShortOfTime()) return { isDone: false, lastKey, builder: builder.progress };
    }
    return { isDone: true, builder: builder.progress };
  };
  await Promise.all(Array.from({ length: BUCKETS_AT_ONCE }, worker));
  if (!buckets.every((bucket) => progress[bucket]?.isDone)) return { progress };
  return {
    segments: buckets.flatMap((bucket) =>
      new SegmentBuilder(bucket, recordsPerChunk, progress[bucket]?.builder).finish(),
    ),
  };
}
