import { type ChunkCursor, type ClientRange, rangesAfter } from '../chunks/bounds.ts';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { MeterRegistry } from '../meters/meter-registry.ts';
import type { CertificateStore } from '../store/certificate-store.ts';
import { type BegunClient, type ClientRecords, type ClientTables, readClientsInTime } from '../store/client-reader.ts';
import type { RunStore, StoredChunk } from '../store/run-store.ts';
import { accountClient } from './account-client.ts';
import { type ChunkStep, ChunkSteps } from './chunk-steps.ts';
import { ChunkWork, type ChunkWorkDependencies } from './chunk-work.ts';
import { isClientsOwn } from './left-clients.ts';
import { packageClient } from './package-client.ts';
import { keepPeriodLock } from './period-lock.ts';
import { previewClient } from './preview-client.ts';
import { assertKnownRun, type PlanPurpose, type RunContext } from './run.ts';

/** What the state machine tells a worker: the first time without a cursor, then with the worker's own answer. */
export interface PackageChunkEvent {
  run: RunContext;
  /** The number of the chunk, from 1. */
  chunk: number;
  purpose: PlanPurpose;
  /** The state machine waits for approval; that of an earlier version does not, so that nothing may be held for it. */
  canHold?: boolean;
  /** Counts the calls for this chunk, from 0. */
  step?: number;
  cursor?: ChunkCursor;
  /** A client behind the cursor that was read up to this slice; what was found of it is in the runs table. */
  begun?: { clientId: string; after: string };
  done?: boolean;
}

/** What a worker answers: short when done, itself with a cursor when its time ran short. */
export type PackageChunkAnswer = { done: true } | (PackageChunkEvent & { done: false; step: number });

/** What a worker needs. */
export interface PackageChunkDependencies extends ChunkWorkDependencies {
  tables: ClientTables;
  runs: RunStore;
  certificates: CertificateStore;
  /** The meters that there are; absent: none is registered. */
  registry?: MeterRegistry;
  /** Clients that are written side by side. */
  writeConcurrency: number;
  /** Milliseconds left to this call. */
  remainingMilliseconds: () => number;
}

/** The plan names a chunk whose bounds are not in the runs table. */
export class ChunkMissing extends HalfmonthError {
  readonly code = 'CHUNK_MISSING';
  readonly chunk: number;

  constructor(runId: string, chunk: number) {
    super(`Run ${runId} has no chunk ${chunk} in the runs table. Start the run again: it plans anew.`);
    this.chunk = chunk;
  }
}

/** A chunk is still not done after as many calls as the history of its execution has room for. */
export class ChunkTooLarge extends HalfmonthError {
  readonly code = 'CHUNK_TOO_LARGE';
  readonly chunk: number;

  constructor(runId: string, chunk: number) {
    super(
      `Chunk ${chunk} of run ${runId} is not done after ${STEPS_PER_CHUNK} calls; what they did is kept. ` +
        'Give the function more time or memory (packaging in config/<stage>.yml), then start the run again: it plans anew.',
    );
    this.chunk = chunk;
  }
}

/**
 * How often a worker may run short of time and be called again: more than ten days at a full time-out. The history of
 * the chunk's execution holds it (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
export const STEPS_PER_CHUNK = 1_000;

/** A worker stops this long before its end, or at a fifth of its time where it has little. */
const TIME_MARGIN_MILLISECONDS = 30_000;

/**
 * Processes one chunk of a period's clients: folds their slices into daily records and packages what changed, or
 * balances their account, or lists what a run would do, as the plan says. May run again with the same input at any
 * time.
 * @throws ChunkMissing, ChunkTooLarge, PeriodLocked, PackageContended, UnknownVersion
 */
export async function packageChunk(
  event: PackageChunkEvent,
  dependencies: PackageChunkDependencies,
): Promise<PackageChunkAnswer> {
  assertKnownRun(event);
  const { run, chunk, purpose, step = 0 } = event;
  const { runs } = dependencies;
  if (step >= STEPS_PER_CHUNK) throw new ChunkTooLarge(run.runId, chunk);
  if (run.mode === 'close') await keepPeriodLock(runs, run);
  const stored = await runs.loadChunk(run.runId, chunk);
  if (!stored) throw new ChunkMissing(run.runId, chunk);
  const period = await runs.loadPeriodState(run.period.id);
  const { gate, ...others } = dependencies;
  const used = event.canHold ? { ...others, gate } : others;
  const meters = await dependencies.registry?.current();
  const unitOf = (meter: string) => meters?.get(meter)?.unit;
  const work = new ChunkWork(run, used, period?.lastClosedAt === undefined, unitOf);
  const progress = await visitClients(event, stored, work, dependencies);
  const value: ChunkStep = { sums: work.sums.result(), isLast: progress === undefined };
  if (work.left.found.count > 0) value.left = work.left.found;
  if (purpose === 'account') Object.assign(value, await keepAccount(event, dependencies, work, value.isLast));
  if (progress?.begun) await runs.saveValue(run.runId, 'begun', [chunk, step + 1], progress.begun);
  await new ChunkSteps(runs, run.runId, purpose).save(chunk, step, value, work.listing);
  if (!progress) return { done: true };
  const { cursor, begun } = progress;
  return {
    run,
    chunk,
    purpose,
    ...(event.canHold === undefined ? {} : { canHold: event.canHold }),
    done: false,
    step: step + 1,
    ...(cursor ? { cursor } : {}),
    ...(begun ? { begun: { clientId: begun.clientId, after: begun.after } } : {}),
  };
}

/** Keeps the keys that the API processed, and hands on what the certificate says of them. */
async function keepAccount(
  { run, chunk, step = 0 }: PackageChunkEvent,
  { certificates }: PackageChunkDependencies,
  { account, acknowledgements }: ChunkWork,
  isLast: boolean,
): Promise<Pick<ChunkStep, 'account' | 'acknowledgements'>> {
  const list = await certificates.saveAcknowledgements(run.runId, chunk, step, acknowledgements, isLast);
  return { account: account.result(), acknowledgements: list };
}

/** How far a worker has come: the last client that is done, and how far the next one has been read. */
interface Progress {
  cursor?: ChunkCursor | undefined;
  begun?: BegunClient;
}

const VISITS: Record<PlanPurpose, (records: ClientRecords, work: ChunkWork) => Promise<void> | undefined> = {
  package: packageClient,
  account: accountClient,
  preview: previewClient,
};

/** @returns how far it has come when time ran short, nothing when the chunk is done */
async function visitClients(
  event: PackageChunkEvent,
  chunk: StoredChunk,
  work: ChunkWork,
  { tables, runs, writeConcurrency, remainingMilliseconds }: PackageChunkDependencies,
): Promise<Progress | undefined> {
  const { run, purpose } = event;
  const margin = Math.min(TIME_MARGIN_MILLISECONDS, remainingMilliseconds() / 5);
  const isShortOfTime = () => remainingMilliseconds() < margin;
  const pending = new PendingWork(writeConcurrency);
  let { cursor } = event;
  let begun = await loadBegun(event, runs);
  for (const range of rangesFrom(rangesAfter(chunk.ranges, cursor), begun)) {
    const options = { withoutSlices: purpose === 'account', begun, isShortOfTime };
    begun = undefined;
    for await (const read of readClientsInTime(tables, run.period.id, range, options)) {
      if ('begun' in read) {
        await pending.finish();
        return { cursor, begun: read.begun };
      }
      const { bucket, clientId } = read.records;
      const visited = visitAlone(read.records, work, VISITS[purpose]);
      if (visited) await pending.add(visited);
      cursor = { bucket, clientId };
      if (isShortOfTime()) {
        await pending.finish();
        return { cursor };
      }
    }
  }
  await pending.finish();
  return undefined;
}

/**
 * How far the last call came with a client, if it is this very progress that was handed on; else the client is read
 * from its beginning.
 */
async function loadBegun({ run, chunk, step = 0, begun }: PackageChunkEvent, runs: RunStore) {
  if (!begun) return undefined;
  const kept = await runs.loadValue<BegunClient>(run.runId, 'begun', [chunk, step]);
  return kept?.clientId === begun.clientId && kept.after === begun.after ? kept : undefined;
}

/** Ranges from the one that holds a client which was begun; those before it had none. */
function rangesFrom(ranges: ClientRange[], begun: BegunClient | undefined): ClientRange[] {
  if (!begun) return ranges;
  const { bucket, clientId } = begun;
  return ranges.filter((range) => {
    const last = range.only ?? range.upTo;
    return range.bucket > bucket || (range.bucket === bucket && (last === undefined || last >= clientId));
  });
}

/** What is one client's own fault is noted, and leaves all others to be visited. */
function visitAlone(
  records: ClientRecords,
  work: ChunkWork,
  visit: (records: ClientRecords, work: ChunkWork) => Promise<void> | undefined,
): Promise<void> | undefined {
  const leave = (error: unknown): void => {
    if (!isClientsOwn(error)) throw error;
    work.left.add(records.clientId, error);
  };
  try {
    if (records.failure) throw records.failure.error;
    return visit(records, work)?.catch(leave);
  } catch (error) {
    leave(error);
    return undefined;
  }
}

/**
 * Work in flight, at most so much at once: adding to it waits while it is full, so that reading never runs ahead
 * of writing. The first failure is thrown by the next add, or by the finish.
 */
export class PendingWork {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async add(work: Promise<void>): Promise<void> {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running.delete(tracked);
      });
    this.#running.add(tracked);
    while (this.#running.size >= this.#limit) await Promise.race(this.#running);
    this.#throwFailure();
  }

  /** Waits for everything that is in flight. */
  async finish(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
