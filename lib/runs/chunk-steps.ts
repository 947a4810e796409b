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

/** What a run's workers made, or would make. */
export interface RunSums {
  sums: ChunkSums;
  /** The clients that they left as they were. */
  left: LeftClientsFound;
}

/** What a run's workers found for its certificate. */
export interface RunAccount extends RunSums {
  /** Without sums by meter: those of `account` are the same. */
  sums: ChunkSums;
  account: Account;
  lists: AcknowledgementList[];
}

const CHUNKS_AT_ONCE = 16;
/** Chunks with more are read one by one, so that few of their sums are held at once. */
const MANY_METERS = 2_000;

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
  async sums(chunkCount: number): Promise<RunSums> {
    const fold = new SumsFold();
    const clients = new LeftClients();
    for await (const { sums, left } of this.#ofAll(chunkCount)) {
      fold.addAll(sums);
      if (left) clients.addAll(left);
    }
    return { sums: fold.result(), left: clients.found };
  }

  /** The account of a run, folded from its workers' steps; reads one item a step, not the period. */
  async account(chunkCount: number): Promise<RunAccount> {
    const sums = new SumsFold();
    const fold = new AccountFold();
    const lists: AcknowledgementList[] = [];
    const clients = new LeftClients();
    for await (const step of this.#ofAll(chunkCount)) {
      sums.addCounts(step.sums);
      if (step.left) clients.addAll(step.left);
      if (step.account) fold.addAll(step.account);
      if (step.acknowledgements) lists.push(step.acknowledgements);
    }
    return { sums: sums.result(), account: fold.result(), lists, left: clients.found };
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
    let atOnce = CHUNKS_AT_ONCE;
    for (let first = 1; first <= chunkCount; ) {
      const length = Math.min(atOnce, chunkCount - first + 1);
      first += length;
      const reading = Array.from({ length }, (_, index) => this.#allOf(first - length + index));
      atOnce = CHUNKS_AT_ONCE;
      // Each is let go of before the next is folded.
      for (const chunk of reading) {
        for (const step of await chunk) {
          if (Object.keys(step.sums.usage).length > MANY_METERS) atOnce = 1;
          yield step;
        }
      }
    }
  }
}
