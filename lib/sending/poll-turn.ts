import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { Exchange, PackageReport, StatusOutcome, UnreadableReport } from '../invoice-api/invoice-api.ts';
import { statusBatches } from '../invoice-api/invoice-api.ts';
import type { PackageHead } from '../packages/package.ts';
import type { Pacer } from '../quota/pacer.ts';
import type { OutstandingPackage, PackageSelection } from '../store/outstanding-packages.ts';
import type { ApiHealth } from './api-health.ts';
import { afterStatus } from './outcomes.ts';
import { keyRetention, type SendingWithApi } from './sending.ts';

/** The API refuses a question that the contract allows. */
export class StatusReadRefused extends HalfmonthError {
  readonly code = 'STATUS_READ_REFUSED';
}

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

/** What the pages of one answer say together. */
interface StatusAnswer {
  packages: PackageReport[];
  unreadable: UnreadableReport[];
  /** Whether what it leaves out is not there. */
  isWhole: boolean;
  exchange: Exchange;
}

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
  #waiting = 0;

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
  }

  /** @param after the `cursor` of the turn before */
  async poll(after?: string): Promise<PollTurnResult> {
    const underWay = new Set<Promise<void>>();
    let failure: { error: unknown } | undefined;
    let last = after;
    for await (const batch of this.#batches(after)) {
      while (underWay.size >= this.#sending.settings.maximumConcurrency) await Promise.race(underWay);
      const isOver = failure !== undefined || this.#result.credentialsRefused !== undefined || this.#health.isDown;
      if (isOver || !this.#pacer.hasRoomFor(this.#waiting + 1)) {
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
    return this.#result;
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
    const answer = await this.#ask(batch.map(({ packageId }) => packageId));
    if (answer) await this.#record(batch, answer);
    else this.#result.pending += batch.length;
  }

  /** An answer in pages is read to its end, each page a request; undefined when there is no usable one. */
  async #ask(packageIds: string[]): Promise<StatusAnswer | undefined> {
    let answer: StatusAnswer | undefined;
    let cursor: string | undefined;
    // An API that goes on for longer than there are packages would go on for ever.
    for (let pages = 0; pages <= packageIds.length; pages++) {
      const outcome = await this.#request(packageIds, cursor);
      if (outcome === undefined) return answer;
      if (outcome.kind === 'credentials-refused') this.#result.credentialsRefused = outcome.reason;
      if (outcome.kind === 'invalid' && pages === 0) {
        throw new StatusReadRefused(`The invoice API refuses to say what became of packages: ${outcome.reason}`);
      }
      if (outcome.kind !== 'listed') return answer;
      const { packages, unreadable = [], nextCursor, exchange } = outcome;
      answer = {
        exchange,
        packages: [...(answer?.packages ?? []), ...packages],
        unreadable: [...(answer?.unreadable ?? []), ...unreadable],
        isWhole: nextCursor === undefined,
      };
      if (nextCursor === undefined || nextCursor === cursor) return answer;
      cursor = nextCursor;
    }
    return answer;
  }

  /** One request, when its time has come; undefined when its time does not come in this turn. */
  async #request(packageIds: string[], cursor: string | undefined): Promise<StatusOutcome | undefined> {
    this.#waiting += 1;
    const departure = await this.#pacer.next();
    this.#waiting -= 1;
    if (typeof departure === 'string') return undefined;
    let outcome: StatusOutcome;
    try {
      const page = cursor === undefined ? {} : { cursor };
      outcome = await this.#sending.api.statusOf(packageIds, { onLeft: departure.left, ...page });
    } finally {
      departure.answered();
    }
    this.#health.heard(outcome);
    this.#sending.metrics.milliseconds('InvoiceApiLatency', outcome.exchange.latencyMilliseconds);
    return outcome;
  }

  async #record(batch: OutstandingPackage[], answer: StatusAnswer): Promise<void> {
    const reports = new Map(answer.packages.map((report) => [report.id, report]));
    // Only what a whole answer leaves out is not there.
    const isThere = new Set(answer.unreadable.map(({ id }) => id));
    const isAbsent = (id: string): boolean => answer.isWhole && !isThere.has(undefined) && !isThere.has(id);
    const heads = await this.#sending.outstanding.heads(this.#selection.periodId, batch);
    await Promise.all(
      heads
        .filter(({ state }) => state === 'submitted')
        .map((head) => {
          const report = reports.get(head.packageId);
          if (report === undefined && !isAbsent(head.packageId)) return this.#notePending(head);
          return this.#recording(() => this.#recordOne(head, report, answer.exchange));
        }),
    );
  }

  #notePending({ submittedAt = 0 }: PackageHead): void {
    this.#result.pending += 1;
    this.#result.youngestSubmittedAt = Math.max(this.#result.youngestSubmittedAt ?? 0, submittedAt);
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

  async #recordOne(
    head: PackageHead,
    report: Parameters<typeof afterStatus>[1],
    exchange: Parameters<typeof afterStatus>[2],
  ): Promise<void> {
    const { settings, clock, transitions } = this.#sending;
    const limits = {
      attemptsLimit: settings.attemptsLimit,
      processingDeadlineMilliseconds: settings.processingDeadlineMilliseconds,
      missingAfterMilliseconds: 2 * settings.pollStartMilliseconds,
      keyRetentionMilliseconds: keyRetention(this.#sending),
    };
    const transition = afterStatus(head, report, exchange, limits, clock.now());
    if (transition) await transitions.apply(head, transition);
    if (!transition || transition.change.state === 'submitted') return this.#notePending(head);
    const { change } = transition;
    this.#result.finished += 1;
    this.#noteAge(head);
    if (change.state === 'ready') this.#noteAgain(change.dueAt ?? 0);
    if (change.state === 'rejected' || change.state === 'parked') this.#result.rejected += 1;
  }
}

/** One request a batch; long ids make batches of fewer than a hundred. */
function* cut(packages: OutstandingPackage[]): Generator<OutstandingPackage[]> {
  let start = 0;
  for (const ids of statusBatches(packages.map(({ packageId }) => packageId))) {
    yield packages.slice(start, start + ids.length);
    start += ids.length;
  }
}
