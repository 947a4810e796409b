import { rangesOf } from '../chunks/bounds.ts';
import { joinSegments } from '../chunks/planner.ts';
import { bucketOf } from '../store/keys.ts';
import type { RecordWeights } from '../store/record-weights.ts';
import type { RunStore, StoredChunk } from '../store/run-store.ts';
import { stepsOf } from './chunk-steps.ts';
import { type MeasuringProgress, measurePeriod } from './measure-period.ts';
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
  /** False while the planner's time ran short: it goes on where it stopped when it is called again with the same input. */
  planned: boolean;
}

/** What planning needs. */
export interface PlanResources {
  runs: RunStore;
  weights: RecordWeights;
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
 * Splits a period's clients into chunks, in as many calls as that takes. Asked again after everything is sent, it names the chunks in which a change had to
 * wait for a package in flight, and when there are none, all chunks for the account.
 * @throws PeriodLocked, UnknownVersion
 */
export async function plan(event: PlanEvent, resources: PlanResources): Promise<PlanAnswer> {
  assertKnownRun(event);
  const { run, previous } = event;
  const { runs, now } = resources;
  if (run.mode === 'close') await keepPeriodLock(runs, run);
  if (previous) return planAgain(run, previous, runs);
  if (run.mode === 'close' && !run.clients) {
    // Before anything is read: what is counted from now on is late, whether or not this run still sees it.
    await runs.markClosed(run.period.id, run.runId, new Date(now()).toISOString());
  }
  const purpose = run.mode === 'preview' ? 'preview' : 'package';
  const chunks = run.clients ? namedChunks(run.clients) : await measuredChunks(event, resources);
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
  for await (const { sums } of stepsOf(runs, runId, 'package', chunk)) {
    if (sums.decisions.wait) return true;
  }
  return false;
}

/** @returns nothing when time ran short; how far the planner has come is in the runs table then */
async function measuredChunks(
  { run, canContinue = false }: PlanEvent,
  { runs, weights, recordsPerSecond, targetSeconds, remainingMilliseconds }: PlanResources,
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
  return joinSegments(measured.segments, recordsPerChunk).map(({ bounds, weight }) => ({
    ranges: rangesOf(bounds),
    weight,
  }));
}

/** A run for a few clients reads those and nobody else. */
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
