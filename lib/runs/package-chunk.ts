import { AccountFold } from '../certificate/account.ts';
import { type ChunkCursor, rangesAfter } from '../chunks/bounds.ts';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { BillingCalendar, Day } from '../periods/days.ts';
import type { CertificateStore } from '../store/certificate-store.ts';
import { type ClientRecords, type ClientTables, readClients } from '../store/client-reader.ts';
import type { DailyRecordWriter } from '../store/daily-records.ts';
import type { LateLedger } from '../store/late-ledger.ts';
import type { PackageStore } from '../store/package-store.ts';
import type { RunStore, StoredChunk } from '../store/run-store.ts';
import { COMPLETE_MARGIN_DAYS } from '../usage/usage-slices.ts';
import { type AccountCollection, accountClient } from './account-client.ts';
import { type ChunkStep, saveStep } from './chunk-steps.ts';
import { SumsFold } from './chunk-sums.ts';
import { packageClient } from './package-client.ts';
import { keepPeriodLock } from './period-lock.ts';
import { type PreviewEntry, previewClient } from './preview-client.ts';
import { assertKnownRun, type PlanPurpose, type RunContext } from './run.ts';

/** What the state machine tells a worker: the first time without a cursor, then with the worker's own answer. */
export interface PackageChunkEvent {
  run: RunContext;
  /** The number of the chunk, from 1. */
  chunk: number;
  purpose: PlanPurpose;
  /** Counts the calls for this chunk, from 0. */
  step?: number;
  cursor?: ChunkCursor;
  done?: boolean;
}

/** What a worker answers: short when done, itself with a cursor when its time ran short. */
export type PackageChunkAnswer =
  | { done: true }
  | (PackageChunkEvent & { done: false; step: number; cursor: ChunkCursor });

/** What a worker needs. */
export interface PackageChunkResources {
  calendar: BillingCalendar;
  /** Events up to this age are counted; their slices live at least as long. */
  eventMaxAgeDays: number;
  tables: ClientTables;
  runs: RunStore;
  packages: PackageStore;
  certificates: CertificateStore;
  dailyRecords: DailyRecordWriter;
  lateLedger: LateLedger;
  /** Clients that are written side by side. */
  writeConcurrency: number;
  /** Milliseconds left to this call. */
  remainingMilliseconds: () => number;
  /** Milliseconds since the epoch. */
  now: () => number;
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
 * How often a worker may run short of time and be called again: more than ten days at a full time-out. The history of the chunk's
 * execution holds it (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
export const STEPS_PER_CHUNK = 1_000;

const MILLISECONDS_PER_DAY = 86_400_000;
/** A worker stops this long before its end, or at a fifth of its time where it has little. */
const TIME_MARGIN_MILLISECONDS = 30_000;

/**
 * Processes one chunk of a period's clients: folds their slices into daily records and packages what changed, or
 * balances their account, or lists what a run would do, as the plan says. May run again with the same input at any time.
 * @throws ChunkMissing, ChunkTooLarge, PeriodLocked, PackageContended, UnknownVersion
 */
export async function packageChunk(
  event: PackageChunkEvent,
  resources: PackageChunkResources,
): Promise<PackageChunkAnswer> {
  assertKnownRun(event);
  const { run, chunk, purpose, step = 0 } = event;
  const { runs, remainingMilliseconds } = resources;
  if (step >= STEPS_PER_CHUNK) throw new ChunkTooLarge(run.runId, chunk);
  if (run.mode === 'close') await keepPeriodLock(runs, run);
  const stored = await runs.loadChunk(run.runId, chunk);
  if (!stored) throw new ChunkMissing(run.runId, chunk);
  const margin = Math.min(TIME_MARGIN_MILLISECONDS, remainingMilliseconds() / 5);
  const sums = new SumsFold();
  const listing: PreviewEntry[] = [];
  const collection: AccountCollection = { account: new AccountFold(), acknowledgements: [] };
  const cursor = await processClients(event, stored, resources, margin, sums, listing, collection);
  const value: ChunkStep = { sums: sums.result(), isLast: cursor === undefined };
  if (purpose === 'account') Object.assign(value, await keepAccount(event, resources, collection, value.isLast));
  await saveStep(runs, run.runId, purpose, chunk, step, value, listing);
  return cursor ? { run, chunk, purpose, done: false, step: step + 1, cursor } : { done: true };
}

/** Keeps the keys that the API processed, and hands on what the certificate says of them. */
async function keepAccount(
  { run, chunk, step = 0 }: PackageChunkEvent,
  { certificates }: PackageChunkResources,
  { account, acknowledgements }: AccountCollection,
  isLast: boolean,
): Promise<Pick<ChunkStep, 'account' | 'acknowledgements'>> {
  const list = await certificates.saveAcknowledgements(run.runId, chunk, step, acknowledgements, isLast);
  return { account: account.result(), acknowledgements: list };
}

/** @returns the last client that is done when time ran short, nothing when the chunk is done */
async function processClients(
  { run, purpose, cursor }: PackageChunkEvent,
  chunk: StoredChunk,
  resources: PackageChunkResources,
  margin: number,
  sums: SumsFold,
  listing: PreviewEntry[],
  collection: AccountCollection,
): Promise<ChunkCursor | undefined> {
  const { calendar, packages, tables, writeConcurrency, remainingMilliseconds } = resources;
  const frame = { period: run.period, timeZone: calendar.timeZone, packages };
  const isFrozen = frozenDays(resources);
  const visit = (records: ClientRecords): Promise<void> | undefined => {
    if (purpose === 'account') return accountClient(records, frame, isFrozen, sums, collection);
    if (purpose === 'preview') return previewClient(records, frame, isFrozen, sums, listing);
    return packageClient(records, frame, isFrozen, resources, run.runId, sums);
  };
  const pending = new PendingWork(writeConcurrency);
  for (const range of rangesAfter(chunk.ranges, cursor)) {
    for await (const records of readClients(tables, run.period.id, range)) {
      const work = visit(records);
      if (work) await pending.add(work);
      if (remainingMilliseconds() < margin) {
        await pending.finish();
        return { bucket: records.bucket, clientId: records.clientId };
      }
    }
  }
  await pending.finish();
  return undefined;
}

/** Whether a day's slices may have expired, looked up once a day. */
function frozenDays({ calendar, eventMaxAgeDays, now }: PackageChunkResources): (day: Day) => boolean {
  const known = new Map<Day, boolean>();
  const liveFor = (eventMaxAgeDays + COMPLETE_MARGIN_DAYS) * MILLISECONDS_PER_DAY;
  const at = now();
  return (day) => {
    let isFrozen = known.get(day);
    if (isFrozen === undefined) {
      isFrozen = calendar.endOfDay(day) + liveFor <= at;
      known.set(day, isFrozen);
    }
    return isFrozen;
  };
}

/**
 * Work in flight, at most so much at once: whoever adds to it waits while it is full, so that reading never runs ahead of
 * writing. The first failure is thrown to whoever adds next or finishes.
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
