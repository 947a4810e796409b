import { rangesOf } from '../chunks/bounds.ts';
import {
  dealOverBuckets,
  joinSegments,
  type Segment,
  SegmentBuilder,
  type SegmentProgress,
} from '../chunks/planner.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { RecordWeights } from '../store/daily-record-marks.ts';
import { BUCKETS, bucketOf } from '../store/keys.ts';
import type { RunStore, StoredChunk } from '../store/run-store.ts';
import { ChunkSteps } from './chunk-steps.ts';
import { keepControl, type ReadControlTotal } from './control.ts';
import { keepPeriodLock } from './period-lock.ts';
import { assertKnownRun, type PlanPurpose, type RunContext } from './run.ts';

/** What the state machine tells the planner: nothing of a plan the first time, then what the last one was for. */
export interface PlanEvent {
  run: RunContext;
  previous?: { purpose: PlanPurpose; round: number };
  /** The state machine calls again while a plan is not `planned`; that of an earlier version does not. */
  canContinue?: boolean;
}

/** The plan: numbers of chunks, whose bounds are in the runs table. */
export interface PlanAnswer {
  purpose: PlanPurpose;
  /** Counts the plans of a run, from 1. */
  round: number;
  chunks: number[];
  /**
   * False while the planner's time ran short: it goes on where it stopped when it is called again with the same input.
   */
  planned: boolean;
}

/** What planning needs. */
export interface PlanDependencies {
  runs: RunStore;
  weights: RecordWeights;
  controlTotal: ReadControlTotal;
  /** Records that one worker processes a second, as `bench:package` measures it. */
  recordsPerSecond: number;
  /** How long one chunk should take. */
  targetSeconds: number;
  /** Milliseconds left to this call; absent: without end. */
  remainingMilliseconds?: () => number;
  now: () => number;
}

/** Packages that were in flight are packaged again once they are not; that settles in one more round. */
const MAXIMUM_PACKAGING_ROUNDS = 3;
const CLIENTS_PER_CHUNK = 50;
/** Kept back to write chunks, or how far the planner has come; a fifth of its time where it has little. */
const TIME_MARGIN_MILLISECONDS = 120_000;

/**
 * Splits a period's clients into chunks, in as many calls as that takes. Asked again after everything is sent, it names
 * the chunks in which a change had to wait for a package in flight, and when there are none, all chunks for the
 * account.
 * @throws PeriodLocked, UnknownVersion
 */
export async function plan(event: PlanEvent, dependencies: PlanDependencies): Promise<PlanAnswer> {
  assertKnownRun(event);
  const { run, previous } = event;
  const { runs, now } = dependencies;
  if (run.mode === 'close') await keepPeriodLock(runs, run);
  if (previous) return planAgain(run, previous, runs);
  if (run.mode === 'close' && !run.clients) {
    // Before anything is read: what is counted from now on is late, whether or not this run still sees it.
    await runs.markClosed(run.period.id, run.runId, new Date(now()).toISOString());
    await keepControl(runs, run.runId, await dependencies.controlTotal(run.period.id));
  }
  const purpose = run.mode === 'preview' ? 'preview' : 'package';
  const chunks = run.clients ? namedChunks(run.clients) : await measuredChunks(event, dependencies);
  if (!chunks) return { purpose, round: 1, chunks: [], planned: false };
  await runs.saveChunks(run.runId, chunks);
  return { purpose, round: 1, chunks: numbersTo(chunks.length), planned: true };
}

async function planAgain(
  run: RunContext,
  { purpose, round }: { purpose: PlanPurpose; round: number },
  runs: RunStore,
): Promise<PlanAnswer> {
  const all = numbersTo(await runs.loadChunkCount(run.runId));
  if (purpose === 'package' && round < MAXIMUM_PACKAGING_ROUNDS) {
    const waiting = await chunksThatWait(run.runId, all, runs);
    if (waiting.length > 0) return { purpose: 'package', round: round + 1, chunks: waiting, planned: true };
  }
  return { purpose: 'account', round: round + 1, chunks: all, planned: true };
}

async function chunksThatWait(runId: string, chunks: readonly number[], runs: RunStore): Promise<number[]> {
  const waiting: number[] = [];
  for (let start = 0; start < chunks.length; start += 16) {
    const some = chunks.slice(start, start + 16);
    const flags = await Promise.all(some.map((chunk) => isWaiting(runId, chunk, runs)));
    waiting.push(...some.filter((_, index) => flags[index]));
  }
  return waiting;
}

async function isWaiting(runId: string, chunk: number, runs: RunStore): Promise<boolean> {
  for await (const { sums } of new ChunkSteps(runs, runId, 'package').of(chunk)) {
    if (sums.decisions.wait) return true;
  }
  return false;
}

/** @returns nothing when time ran short; how far the planner has come is in the runs table then */
async function measuredChunks(
  { run, canContinue = false }: PlanEvent,
  { runs, weights, recordsPerSecond, targetSeconds, remainingMilliseconds }: PlanDependencies,
): Promise<StoredChunk[] | undefined> {
  const recordsPerChunk = recordsPerSecond * targetSeconds;
  const remaining = canContinue && remainingMilliseconds ? remainingMilliseconds : () => Number.POSITIVE_INFINITY;
  const margin = Math.min(TIME_MARGIN_MILLISECONDS, remaining() / 5);
  const before = await runs.loadValue<MeasuringProgress>(run.runId, 'measured', []);
  const isShortOfTime = () => remaining() < margin;
  const measured = await measurePeriod(run.period.id, before ?? {}, { weights, recordsPerChunk, isShortOfTime });
  if ('progress' in measured) {
    await runs.saveValue(run.runId, 'measured', [], measured.progress);
    return undefined;
  }
  const chunks = dealOverBuckets(joinSegments(measured.segments, recordsPerChunk));
  return chunks.map(({ bounds, weight }) => ({ ranges: rangesOf(bounds), weight }));
}

/** A run for a few clients reads those and no others. */
function namedChunks(clients: readonly string[]): StoredChunk[] {
  const ranges = clients
    .map((clientId) => ({ bucket: bucketOf(clientId), only: clientId }))
    .sort((one, other) => one.bucket - other.bucket || (one.only < other.only ? -1 : 1));
  const chunks: StoredChunk[] = [];
  for (let start = 0; start < ranges.length; start += CLIENTS_PER_CHUNK) {
    const some = ranges.slice(start, start + CLIENTS_PER_CHUNK);
    chunks.push({ ranges: some, weight: some.length });
  }
  return chunks;
}

function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

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
 * Weighs a period's clients in the order of their keys. Buckets are read a few at a time; what is held is the segments,
 * not the records. What was weighed before is not weighed again: weights are estimates, and clients who have come since
 * are in the stretch of their neighbours.
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
