import { type Account, AccountFold } from '../certificate/account.ts';
import type { AcknowledgementList } from '../certificate/seal.ts';
import type { RunStore } from '../store/run-store.ts';
import { type ChunkSums, SumsFold } from './chunk-sums.ts';
import type { PreviewEntry } from './preview-client.ts';
import type { PlanPurpose } from './run.ts';

/** What one call of a worker leaves behind. */
export interface ChunkStep {
  sums: ChunkSums;
  /** Whether the chunk was done with it. */
  isLast: boolean;
  /** Only of steps for the account. */
  account?: Account;
  acknowledgements?: AcknowledgementList;
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
  for await (const sums of ofAllChunks(chunkCount, (chunk) => sumsOfChunk(runs, runId, purpose, chunk))) {
    fold.addAll(sums);
  }
  return fold.result();
}

/** What a run's workers found for its certificate. */
export interface RunAccount {
  /** The sums of the account's own steps. */
  sums: ChunkSums;
  account: Account;
  lists: AcknowledgementList[];
}

/** The account of a run, folded from its workers' steps; reads one item a step, not the period. */
export async function accountOfRun(runs: RunStore, runId: string, chunkCount: number): Promise<RunAccount> {
  const sums = new SumsFold();
  const fold = new AccountFold();
  const lists: AcknowledgementList[] = [];
  const stepsOfChunk = async (chunk: number): Promise<ChunkStep[]> => {
    const steps: ChunkStep[] = [];
    for await (const step of stepsOf(runs, runId, 'account', chunk)) steps.push(step);
    return steps;
  };
  for await (const steps of ofAllChunks(chunkCount, stepsOfChunk)) {
    for (const step of steps) {
      sums.addAll(step.sums);
      if (step.account) fold.addAll(step.account);
      if (step.acknowledgements) lists.push(step.acknowledgements);
    }
  }
  return { sums: sums.result(), account: fold.result(), lists };
}

/** Reads something of each chunk, a few at a time, in the order of chunks. */
async function* ofAllChunks<Value>(chunkCount: number, read: (chunk: number) => Promise<Value>): AsyncGenerator<Value> {
  for (let first = 1; first <= chunkCount; first += CHUNKS_AT_ONCE) {
    const length = Math.min(CHUNKS_AT_ONCE, chunkCount - first + 1);
    yield* await Promise.all(Array.from({ length }, (_, index) => read(first + index)));
  }
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
