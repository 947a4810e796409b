import pLimit from 'p-limit';
import { statusBatches } from '../invoice-api/invoice-api.ts';
import type { PackageHead } from '../packages/package.ts';
import type { Pacer } from '../quota/pacer.ts';
import type { OutstandingPackage, PackageSelection } from '../store/outstanding-packages.ts';
import type { ApiHealth } from './api-health.ts';
import { afterStatus, afterUnread, type ExchangeTransition } from './outcomes.ts';
import { keyRetention, type SendingWithApi } from './sending.ts';
import { type StatusAnswer, StatusReader, type Unread } from './status-reader.ts';

/** What one turn of status reads saw. */
export interface PollTurnResult {
  pending: number;
  finished: number;
  /**
   * Of finished packages that had been seen unfinished before: how many, and the sum of the natural logarithms of the
   * ages, in milliseconds, at which they were. One finished at the first look may have been so for hours, when the
   * quota kept us from looking, so it says nothing.
   */
  aged: { packages: number; logarithms: number };
  rejected: number;
  /** Packages that are to be sent again. */
  again: number;
  /** Milliseconds since the epoch, when the first of them may be; absent where there is none. */
  againFrom?: number;
  /** Milliseconds since the epoch, of the youngest package that is still being worked on. */
  youngestSubmittedAt?: number;
  /** Where the next turn goes on; absent when all packages were read. */
  cursor?: string;
  credentialsRefused?: string;
}

const READ_TOGETHER = 100;
/** Several answers of a hundred come together; more writes than connections would only wait in line. */
const RECORDED_AT_ONCE = 40;
/**
 * Reads of one turn that look for the package that an answer was refused for: halving a hundred takes two reads for
 * each of seven steps.
 */
export const NARROWING_READS = 14;

/** Asks for the status of submitted packages in one turn, a hundred a request, and records what became known. */
export class PollTurn {
  readonly #sending: SendingWithApi;
  readonly #selection: PackageSelection;
  readonly #pacer: Pacer;
  readonly #health: ApiHealth;
  readonly #result: PollTurnResult = {
    pending: 0,
    finished: 0,
    aged: { packages: 0, logarithms: 0 },
    rejected: 0,
    again: 0,
  };
  readonly #recording = pLimit(RECORDED_AT_ONCE);
  readonly #lastRoundAt: number;
  readonly #reader: StatusReader;
  #narrowing = NARROWING_READS;

  /** @param lastRoundAt when packages were last asked for, in milliseconds since the epoch; 0 when they never were */
  constructor(
    sending: SendingWithApi,
    selection: PackageSelection,
    pacer: Pacer,
    health: ApiHealth,
    lastRoundAt: number,
  ) {
    this.#sending = sending;
    this.#selection = selection;
    this.#pacer = pacer;
    this.#health = health;
    this.#lastRoundAt = lastRoundAt;
    this.#reader = new StatusReader(sending, pacer, health);
  }

  /** @param after the `cursor` of the turn before */
  async poll(after?: string): Promise<PollTurnResult> {
    const underWay = new Set<Promise<void>>();
    let failure: { error: unknown } | undefined;
    let last = after;
    for await (const batch of this.#batches(after)) {
      while (underWay.size >= this.#sending.settings.maximumConcurrency) await Promise.race(underWay);
      const isOver = failure !== undefined || this.#reader.credentialsRefused !== undefined || this.#health.isDown;
      if (isOver || !this.#pacer.hasRoomFor(this.#reader.waiting + 1)) {
        // An empty cursor stands for the beginning.
        this.#result.cursor = last ?? '';
        break;
      }
      last = batch.at(-1)?.position;
      const task: Promise<void> = this.#read(batch)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => underWay.delete(task));
      underWay.add(task);
    }
    await Promise.all(underWay);
    // The compiler does not see that a task may have set it.
    const failed = failure as { error: unknown } | undefined;
    if (failed) throw failed.error;
    const { credentialsRefused } = this.#reader;
    return { ...this.#result, ...(credentialsRefused === undefined ? {} : { credentialsRefused }) };
  }

  async *#batches(after: string | undefined): AsyncGenerator<OutstandingPackage[]> {
    const { outstanding } = this.#sending;
    let gathered: OutstandingPackage[] = [];
    for await (const found of outstanding.inState(this.#selection, 'submitted', after || undefined)) {
      gathered.push(found);
      if (gathered.length < READ_TOGETHER) continue;
      yield* cut(gathered);
      gathered = [];
    }
    if (gathered.length > 0) yield* cut(gathered);
  }

  async #read(batch: OutstandingPackage[]): Promise<void> {
    let doubtful = await this.#readOnce([batch]);
    // An answer that fails for one package says nothing of the others, so each half is asked for by itself.
    while (doubtful.length > 0) {
      const halves = doubtful.flatMap((part) => {
        const middle = Math.ceil(part.length / 2);
        return [part.slice(0, middle), part.slice(middle)];
      });
      doubtful = await this.#readOnce(halves);
    }
  }

  /** Those of the batches of which a part may be answered though the whole is not. */
  async #readOnce(batches: OutstandingPackage[][]): Promise<OutstandingPackage[][]> {
    const doubtful: OutstandingPackage[][] = [];
    for (const batch of batches) {
      const answer = await this.#reader.ask(batch.map(({ packageId }) => packageId));
      if (answer === undefined) this.#notePending(batch);
      else if ('packages' in answer) await this.#record(batch, answer);
      else if (answer.isOwn && batch.length > 1 && this.#mayNarrow()) doubtful.push(batch);
      else await this.#recordUnread(batch, answer);
    }
    return doubtful;
  }

  #mayNarrow(): boolean {
    if (this.#narrowing < 2 || this.#health.isDown) return false;
    this.#narrowing -= 2;
    return true;
  }

  async #record(batch: OutstandingPackage[], answer: StatusAnswer): Promise<void> {
    const reports = new Map(answer.packages.map((report) => [report.id, report]));
    await this.#recordEach(batch, (head) => {
      const report = reports.get(head.packageId);
      const unread = report === undefined ? unreadOf(head, answer) : undefined;
      if (unread) return this.#afterUnread(head, unread);
      // Only what a whole answer leaves out is not there.
      if (report === undefined && !answer.isWhole) return undefined;
      return afterStatus(head, report, answer.exchange, this.#limits(), this.#sending.clock.now());
    });
  }

  async #recordUnread(batch: OutstandingPackage[], unread: Unread): Promise<void> {
    const isOwn = batch.length === 1 && unread.isOwn && this.#reader.hasAnswered;
    const { processingDeadlineMilliseconds } = this.#sending.settings;
    const from = this.#sending.clock.now() - processingDeadlineMilliseconds;
    // Before the deadline, a read that fails for several is told once for all, in the calendar.
    const isDue = ({ submittedAt = 0 }: OutstandingPackage): boolean => isOwn || submittedAt <= from;
    this.#notePending(batch.filter((found) => !isDue(found)));
    await this.#recordEach(batch.filter(isDue), (head) => this.#afterUnread(head, { ...unread, isOwn }));
  }

  #afterUnread(head: PackageHead, unread: Unread): ExchangeTransition | undefined {
    return afterUnread(head, unread, this.#limits(), this.#sending.clock.now());
  }

  async #recordEach(
    batch: OutstandingPackage[],
    transitionOf: (head: PackageHead) => ExchangeTransition | undefined,
  ): Promise<void> {
    if (batch.length === 0) return;
    const heads = await this.#sending.outstanding.heads(this.#selection.periodId, batch);
    const submitted = heads.filter(({ state }) => state === 'submitted');
    await Promise.all(submitted.map((head) => this.#recording(() => this.#recordOne(head, transitionOf(head)))));
  }

  #notePending(packages: readonly Pick<OutstandingPackage, 'submittedAt'>[]): void {
    this.#result.pending += packages.length;
    const submittedAt = packages.map(({ submittedAt = 0 }) => submittedAt);
    this.#result.youngestSubmittedAt = Math.max(this.#result.youngestSubmittedAt ?? 0, ...submittedAt);
  }

  #noteAge({ submittedAt }: PackageHead): void {
    if (submittedAt === undefined || submittedAt >= this.#lastRoundAt) return;
    this.#result.aged.packages += 1;
    this.#result.aged.logarithms += Math.log(this.#lastRoundAt - submittedAt);
  }

  #noteAgain(from: number): void {
    this.#result.again += 1;
    this.#result.againFrom = Math.min(this.#result.againFrom ?? from, from);
  }

  #limits() {
    const { settings } = this.#sending;
    return {
      ...settings,
      missingAfterMilliseconds: 2 * settings.pollStartMilliseconds,
      keyRetentionMilliseconds: keyRetention(this.#sending),
    };
  }

  async #recordOne(head: PackageHead, transition: ExchangeTransition | undefined): Promise<void> {
    const { transitions } = this.#sending;
    if (transition) await transitions.apply(head, transition);
    if (!transition || transition.change.state === 'submitted') return this.#notePending([head]);
    const { change } = transition;
    this.#result.finished += 1;
    this.#noteAge(head);
    if (change.state === 'ready') this.#noteAgain(change.dueAt ?? 0);
    if (change.state === 'rejected' || change.state === 'parked') this.#result.rejected += 1;
  }
}

/** Why an answer that leaves a package out does not say that it is not there; undefined when it does say so. */
function unreadOf({ packageId }: PackageHead, { unreadable, isEndless, exchange }: StatusAnswer): Unread | undefined {
  const own = unreadable.find(({ id }) => id === packageId);
  // One that names no package may be about any of them.
  const found = own ?? unreadable.find(({ id }) => id === undefined);
  const reason = found?.reason ?? (isEndless ? 'the answer names a next page and has no end' : undefined);
  return reason === undefined ? undefined : { reason, exchange, isOwn: own !== undefined };
}

/** One request a batch; long ids make batches of fewer than a hundred. */
function* cut(packages: OutstandingPackage[]): Generator<OutstandingPackage[]> {
  let start = 0;
  for (const ids of statusBatches(packages.map(({ packageId }) => packageId))) {
    yield packages.slice(start, start + ids.length);
    start += ids.length;
  }
}
