import type { RunStore } from '../store/run-store.ts';
import { type ChunkSums, SumsFold } from './chunk-sums.ts';
import type { PreviewEntry } from './preview-client.ts';
import type { PlanPurpose } from './run.ts';

/** What one call of a worker leaves behind. */
export interface ChunkStep {
  sums: ChunkSums;
  /** Whether the chunk was done with it. */
  isLast: boolean;
}

/** Keeps a step; the same step taken again overwrites it. */
export async function saveStep(
  runs: RunStore,
  runId: string,
  purpose: PlanPurpose,
  chunk: number,
  step: number,
  value: ChunkStep,
  listing: readonly PreviewEntry[],
): Promise<void> {
  const sorted = listing.toSorted((one, other) => (one.clientId < other.clientId ? -1 : 1));
  if (purpose === 'preview') await runs.saveValue(runId, 'listing', [chunk, step], sorted);
  await runs.saveValue(runId, `sum-${purpose}`, [chunk, step], value);
}

/** The steps of a chunk, in order. Steps of an earlier, longer attempt are not among them. */
export async function* stepsOf(
  runs: RunStore,
  runId: string,
  purpose: PlanPurpose,
  chunk: number,
): AsyncGenerator<ChunkStep> {
  for (let step = 0; ; step++) {
    const value = await runs.loadValue<ChunkStep>(runId, `sum-${purpose}`, [chunk, step]);
    if (!value) return;
    yield value;
    if (value.isLast) return;
  }
}

/** The sums of one chunk. */
export async function sumsOfChunk(
  runs: RunStore,
  runId: string,
  purpose: PlanPurpose,
  chunk: number,
): Promise<ChunkSums> {
  const fold = new SumsFold();
  for await (const { sums } of stepsOf(runs, runId, purpose, chunk)) fold.addAll(sums);
  return fold.result();
}

const CHUNKS_AT_ONCE = 16;

/** The sums of all chunks of a run; reads one item a chunk, not the period. */
export async function sumsOfRun(
  runs: RunStore,
  runId: string,
  purpose: PlanPurpose,
  chunkCount: number,
): Promise<ChunkSums> {
  const fold = new SumsFold();
  for (let first = 1; first <= chunkCount; first += CHUNKS_AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(CHUNKS_AT_ONCE, chunkCount - first + 1) },
      (_, index) => first + index,
    );
    const all = await Promise.all(numbers.map((chunk) => sumsOfChunk(runs, runId, purpose, chunk)));
    for (const sums of all) fold.addAll(sums);
  }
  return fold.result();
}

/** A run's preview, client by client in the order of chunks. */
export async function* listingOf(runs: RunStore, runId: string, chunkCount: number): AsyncGenerator<PreviewEntry> {
  for (let chunk = 1; chunk <= chunkCount; chunk++) {
    let step = 0;
    for await (const _ of stepsOf(runs, runId, 'preview', chunk)) {
      yield* (await runs.loadValue<PreviewEntry[]>(runId, 'listing', [chunk, step])) ?? [];
      step += 1;
    }
  }
}
