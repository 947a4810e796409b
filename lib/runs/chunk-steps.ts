import { type Account, AccountFold } from '../certificate/account.ts';
import type { AcknowledgementList } from '../certificate/seal.ts';
import type { PackageDecision } from '../packages/decision.ts';
import type { RunStore } from '../store/run-store.ts';
import type { MeterTotals } from '../usage/records.ts';
import { type ChunkSums, SumsFold } from './chunk-sums.ts';
import { LeftClients, type LeftClientsFound } from './left-clients.ts';
import type { PlanPurpose } from './run.ts';

/** What a run would do about one client. */
export interface PreviewEntry {
  clientId: string;
  change: 'new' | 'changed' | 'unchanged';
  packages: { part: number; revision: number; decision: PackageDecision }[];
  /** Only where something would change. */
  totals?: MeterTotals;
  /** What would be added to what was processed, signed. */
  difference?: MeterTotals;
  /** Why packages of this client would be parked instead of sent; absent where nothing keeps them. */
  obstacles?: string[];
}

/** What one call of a worker leaves behind. */
export interface ChunkStep {
  sums: ChunkSums;
  /** Whether the chunk was done with it. */
  isLast: boolean;
  /** Only of steps that left clients as they were. */
  left?: LeftClientsFound;
  /** Only of steps for the account. */
  account?: Account;
  acknowledgements?: AcknowledgementList;
}

/** What a run's workers found for its certificate. */
export interface RunAccount {
  /** The sums of the account's own steps. */
  sums: ChunkSums;
  account: Account;
  lists: AcknowledgementList[];
}

const CHUNKS_AT_ONCE = 16;

/** What the workers of a run leave behind, step by step, for one purpose of its plans. */
export class ChunkSteps {
  readonly #runs: RunStore;
  readonly #runId: string;
  readonly #purpose: PlanPurpose;

  constructor(runs: RunStore, runId: string, purpose: PlanPurpose) {
    this.#runs = runs;
    this.#runId = runId;
    this.#purpose = purpose;
  }

  /**
   * Keeps a step; the same step taken again overwrites it.
   * @param listing what a preview found
   */
  async save(chunk: number, step: number, value: ChunkStep, listing: readonly PreviewEntry[]): Promise<void> {
    const sorted = listing.toSorted((one, other) => (one.clientId < other.clientId ? -1 : 1));
    if (this.#purpose === 'preview') await this.#runs.saveValue(this.#runId, 'listing', [chunk, step], sorted);
    await this.#runs.saveValue(this.#runId, `sum-${this.#purpose}`, [chunk, step], value);
  }

  /** The steps of a chunk, in order. Steps of an earlier, longer attempt are not among them. */
  async *of(chunk: number): AsyncGenerator<ChunkStep> {
    for (let step = 0; ; step++) {
      const value = await this.#runs.loadValue<ChunkStep>(this.#runId, `sum-${this.#purpose}`, [chunk, step]);
      if (!value) return;
      yield value;
      if (value.isLast) return;
    }
  }

  /** The sums of all chunks; reads one item a step, not the period. */
  async sums(chunkCount: number): Promise<ChunkSums> {
    const fold = new SumsFold();
    for await (const { sums } of this.#ofAll(chunkCount)) fold.addAll(sums);
    return fold.result();
  }

  /** The clients that were left as they were. */
  async left(chunkCount: number): Promise<LeftClientsFound> {
    const fold = new LeftClients();
    for await (const { left } of this.#ofAll(chunkCount)) if (left) fold.addAll(left);
    return fold.found;
  }

  /** The account of a run, folded from its workers' steps; reads one item a step, not the period. */
  async account(chunkCount: number): Promise<RunAccount> {
    const sums = new SumsFold();
    const fold = new AccountFold();
    const lists: AcknowledgementList[] = [];
    for await (const step of this.#ofAll(chunkCount)) {
      sums.addAll(step.sums);
      if (step.account) fold.addAll(step.account);
      if (step.acknowledgements) lists.push(step.acknowledgements);
    }
    return { sums: sums.result(), account: fold.result(), lists };
  }

  /** A run's preview, client by client in the order of chunks. */
  async *listing(chunkCount: number): AsyncGenerator<PreviewEntry> {
    for (let chunk = 1; chunk <= chunkCount; chunk++) {
      let step = 0;
      for await (const _ of this.of(chunk)) {
        yield* (await this.#runs.loadValue<PreviewEntry[]>(this.#runId, 'listing', [chunk, step])) ?? [];
        step += 1;
      }
    }
  }

  async #allOf(chunk: number): Promise<ChunkStep[]> {
    const steps: ChunkStep[] = [];
    for await (const step of this.of(chunk)) steps.push(step);
    return steps;
  }

  /** The steps of all chunks in their order, a few chunks read at a time. */
  async *#ofAll(chunkCount: number): AsyncGenerator<ChunkStep> {
    for (let first = 1; first <= chunkCount; first += CHUNKS_AT_ONCE) {
      const length = Math.min(CHUNKS_AT_ONCE, chunkCount - first + 1);
      const chunks = Array.from({ length }, (_, index) => this.#allOf(first + index));
      for (const steps of await Promise.all(chunks)) yield* steps;
    }
  }
}
