import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { StatusOutcome } from '../invoice-api/invoice-api.ts';
import { statusBatches } from '../invoice-api/invoice-api.ts';
import type { PackageHead } from '../packages/package.ts';
import type { Pacer } from '../quota/pacer.ts';
import type { OutstandingPackage, PackageSelection } from '../store/outstanding-packages.ts';
import type { ApiHealth } from './api-health.ts';
import { afterStatus } from './outcomes.ts';
import type { SendingWithApi } from './sending.ts';

/** The API refuses a question that the contract allows. */
export class StatusReadRefused extends HalfmonthError {
  readonly code = 'STATUS_READ_REFUSED';
}

/** What one turn of status reads saw. */
export interface PollTurnResult {
  pending: number;
  finished: number;
  /**
   * Of finished packages that had been seen unfinished before: how many, and the sum of the natural logarithms of the ages,
   * in milliseconds, at which they were. One finished at the first look may have been so for hours, when the quota kept us
   * from looking, so it says nothing.
   */
  aged: { packages: number; logarithms: number };
  rejected: number;
  /** Packages that are to be sent again. */
  again: number;
  /** Milliseconds since the epoch, of the youngest package that is still being worked on. */
  youngestSubmittedAt?: number;
  /** Where the next turn goes on; absent when all packages were read. */
  cursor?: string;
  credentialsRefused?: string;
}

const READ_TOGETHER = 100;
/** Several answers of a hundred come together; more writes than connections would only wait in line. */
const RECORDED_AT_ONCE = 40;

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
    this.#waiting += 1;
    const departure = await this.#pacer.next();
    this.#waiting -= 1;
    if (typeof departure === 'string') {
      this.#result.pending += batch.length;
      return;
    }
    let outcome: StatusOutcome;
    try {
      const packageIds = batch.map(({ packageId }) => packageId);
      outcome = await this.#sending.api.statusOf(packageIds, { onLeft: departure.left });
    } finally {
      departure.answered();
    }
    this.#health.heard(outcome);
    this.#sending.metrics.milliseconds('InvoiceApiLatency', outcome.exchange.latencyMilliseconds);
    if (outcome.kind === 'listed') return this.#record(batch, outcome);
    this.#result.pending += batch.length;
    if (outcome.kind === 'credentials-refused') this.#result.credentialsRefused = outcome.reason;
    if (outcome.kind === 'invalid') {
      throw new StatusReadRefused(`The invoice API refuses to say what became of packages: ${outcome.reason}`);
    }
  }

  async #record(batch: OutstandingPackage[], outcome: StatusOutcome & { kind: 'listed' }): Promise<void> {
    const reports = new Map(outcome.packages.map((report) => [report.id, report]));
    const heads = await this.#sending.outstanding.heads(this.#selection.periodId, batch);
    await Promise.all(
      heads
        .filter(({ state }) => state === 'submitted')
        .map((head) => this.#recording(() => this.#recordOne(head, reports.get(head.packageId), outcome.exchange))),
    );
  }

  #noteAge({ submittedAt }: PackageHead): void {
    if (submittedAt === undefined || submittedAt >= this.#lastRoundAt) return;
    this.#result.aged.packages += 1;
    this.#result.aged.logarithms += Math.log(this.#lastRoundAt - submittedAt);
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
    };
    const transition = afterStatus(head, report, exchange, limits, clock.now());
    if (!transition) {
      this.#result.pending += 1;
      this.#result.youngestSubmittedAt = Math.max(this.#result.youngestSubmittedAt ?? 0, head.submittedAt ?? 0);
      return;
    }
    const { change, attempt } = transition;
    await transitions.apply(head, change, attempt);
    this.#result.finished += 1;
    this.#noteAge(head);
    if (change.state === 'ready') this.#result.again += 1;
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
