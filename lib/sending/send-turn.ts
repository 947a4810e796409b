import pLimit, { type LimitFunction } from 'p-limit';
import type { RequestOptions, Stepped, SubmitOutcome } from '../invoice-api/invoice-api.ts';
import { bodyOf } from '../packages/document.ts';
import { abandoned, asked, askedAfterRestore, held, leased, obstructed, putBack } from '../packages/head-changes.ts';
import { idempotencyKeyOf, type PackageHead } from '../packages/package.ts';
import { mayBeForgotten, mayBeUnremembered } from '../packages/submission.ts';
import type { Transition } from '../packages/transitions.ts';
import { periodOf } from '../periods/periods.ts';
import { LONGEST_PAUSE_MILLISECONDS, type Restored } from '../quota/calendar.ts';
import { LONGEST_QUOTA_PAUSE_MILLISECONDS, type Pacer } from '../quota/pacer.ts';
import type { OutstandingPackage, PackageSelection } from '../store/outstanding-packages.ts';
import type { ApiHealth } from './api-health.ts';
import { ConcurrencyTuner } from './concurrency-tuner.ts';
import { afterSending } from './outcomes.ts';
import { keyRetention, type SendingWithApi } from './sending.ts';
import { isSuspect } from './suspicion.ts';
import type { TurnUnderWay } from './turns.ts';

/** What sending in one turn came to. */
export interface SendTurnResult {
  /** Packages that left the state of waiting to be sent. */
  settled: number;
  rejected: number;
  /** Packages that are with the API now, and not known to be done. */
  submitted: number;
  /** Whether packages that wait to be sent were left. */
  remaining: boolean;
  /** Milliseconds since the epoch: not before then is it worth going on, quota aside. */
  notBefore: number;
  /** Requests that were answered, and how long they took together. */
  answered: { requests: number; milliseconds: number };
  /** 401 or 403, in the API's words. */
  credentialsRefused?: string;
  /** Nothing is there at the API's address, and never was, in the API's words. */
  wrongAddress?: string;
}

interface PreparedPackage {
  /** As it was before we took it. */
  before: PackageHead;
  /** As it is stored now: ours for the time of the lease. */
  leased: PackageHead;
  body: string;
}

/** What a submission comes to in the end. */
type Submitted = Exclude<SubmitOutcome, Stepped>;

/** Far more than any adapter needs within a turn; what is left goes on in another. */
const LONGEST_SUBMISSION_STEPS = 1_000;
/** Packages are read and leased ahead of their requests, so that no request waits for a database. */
const PREPARING_AHEAD = 8;
const FIRST_BACKOFF_MILLISECONDS = 1_000;
const LONGEST_BACKOFF_MILLISECONDS = 60_000;
const LONGEST_LONE_BACKOFF_MILLISECONDS = 3_600_000;

/** Sends packages in one turn: as many as the quota, the time and the API allow. */
export class SendTurn {
  readonly #sending: SendingWithApi;
  readonly #selection: PackageSelection;
  readonly #pacer: Pacer;
  readonly #health: ApiHealth;
  readonly #restored: Restored | undefined;
  readonly #isEnough: (result: SendTurnResult) => boolean;
  readonly #tuner: ConcurrencyTuner;
  readonly #requestSlots: LimitFunction;
  readonly #preparing = pLimit(PREPARING_AHEAD);
  readonly #retries: { at: number; candidate: OutstandingPackage }[] = [];
  /** Packages leased in this turn: while their requests are under way, the index lists them as left behind. */
  readonly #taken = new Set<string>();
  readonly #result: SendTurnResult = {
    settled: 0,
    rejected: 0,
    submitted: 0,
    remaining: false,
    notBefore: 0,
    answered: { requests: 0, milliseconds: 0 },
  };
  /** What packages were told since anything was answered: that we have no right to ask. */
  readonly #refusals = new Map<string, string>();
  #notYetLeft = 0;
  #failure: { error: unknown } | undefined;

  /** @param isEnough whether what came of the turn so far is a reason to send no more in it */
  constructor(
    sending: SendingWithApi,
    selection: PackageSelection,
    { pacer, health, restored }: TurnUnderWay,
    isEnough: (result: SendTurnResult) => boolean = () => false,
  ) {
    this.#sending = sending;
    this.#selection = selection;
    this.#pacer = pacer;
    this.#health = health;
    // Packages of a period that ended later cannot have been sent before.
    const { to } = periodOf(selection.periodId);
    this.#restored = restored && to <= new Date(restored.at).toISOString() ? restored : undefined;
    this.#isEnough = isEnough;
    this.#tuner = new ConcurrencyTuner(sending.settings.maximumConcurrency);
    // One request finds out whether failures before this turn are over.
    this.#requestSlots = pLimit(health.failuresInARow > 0 ? 1 : this.#tuner.concurrency);
  }

  /**
   * Sends what the selection holds: packages that are ready, those of crashed senders, and within this turn those again
   * whose outcome stayed unknown.
   * @throws whatever a store or the token provider threw, after every request under way has been recorded
   */
  async send(): Promise<SendTurnResult> {
    const underWay = new Set<Promise<void>>();
    for await (const candidate of this.#candidates(underWay)) {
      while (!this.#mayTakeAnother() && underWay.size > 0 && !this.#isOver()) await Promise.race(underWay);
      if (this.#isOver() || !this.#pacer.hasRoomFor(this.#notYetLeft + 1)) {
        this.#result.remaining = true;
        break;
      }
      this.#notYetLeft += 1;
      const task: Promise<void> = this.#sendOne(candidate)
        .catch((error: unknown) => this.#fail(error))
        .finally(() => underWay.delete(task));
      underWay.add(task);
    }
    await Promise.all(underWay);
    if (this.#failure) throw this.#failure.error;
    const { wrongAddress } = this.#health;
    if (wrongAddress !== undefined) this.#result.wrongAddress = wrongAddress;
    // One package's time to come back is nobody else's: it counts when only such are left.
    if (this.#retries.length > 0 && !this.#result.remaining)
      this.#result.notBefore = Math.min(...this.#retries.map(({ at }) => at));
    if (this.#retries.length > 0) this.#result.remaining = true;
    const [refusal] = this.#refusals.values();
    if (refusal !== undefined && !this.#health.answered) this.#result.credentialsRefused ??= refusal;
    return this.#result;
  }

  /** Ready packages, then those whose sender crashed, then what must be tried again, as long as that is soon. */
  async *#candidates(underWay: Set<Promise<void>>): AsyncGenerator<OutstandingPackage> {
    const { outstanding, clock } = this.#sending;
    yield* outstanding.inState(this.#selection, 'ready');
    yield* outstanding.inState(this.#selection, 'sending');
    for (;;) {
      if (this.#retries.length === 0 && underWay.size > 0) {
        await Promise.race(underWay);
        continue;
      }
      this.#retries.sort((one, other) => one.at - other.at);
      const next = this.#retries[0];
      if (!next || this.#isOver() || next.at > clock.now() + LONGEST_PAUSE_MILLISECONDS) return;
      const wait = next.at - clock.now();
      if (wait > 0) {
        await Promise.race([clock.sleep(wait), ...underWay]);
        continue;
      }
      this.#retries.shift();
      yield next.candidate;
    }
  }

  #mayTakeAnother(): boolean {
    return this.#notYetLeft < this.#tuner.concurrency + PREPARING_AHEAD;
  }

  #isOver(): boolean {
    if (this.#failure !== undefined || this.#result.credentialsRefused !== undefined) return true;
    return this.#health.isDown || this.#health.wrongAddress !== undefined || this.#isEnough(this.#result);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#pacer.stop();
  }

  async #sendOne(candidate: OutstandingPackage): Promise<void> {
    let hasLeft = false;
    const leaves = (): void => {
      if (!hasLeft) this.#notYetLeft -= 1;
      hasLeft = true;
    };
    try {
      const prepared = await this.#preparing(() => this.#prepare(candidate));
      if (!prepared) return;
      const outcome = await this.#steps(prepared, leaves);
      if (outcome === 'lost') return;
      if (outcome === undefined) await this.#putBack(prepared);
      else await this.#record(candidate, prepared, outcome);
    } finally {
      leaves();
    }
  }

  /** Takes a package for ourselves; nothing when it is not to be sent, or somebody else was faster. */
  async #prepare(candidate: OutstandingPackage): Promise<PreparedPackage | undefined> {
    const { clientId, part } = candidate;
    if (this.#isOver()) {
      this.#result.remaining = true;
      return undefined;
    }
    const { packages, transitions, clock, settings } = this.#sending;
    const { periodId } = this.#selection;
    const before = await packages.loadHead(periodId, clientId, part);
    const freeAt = before && freeFrom(before);
    if (!before || freeAt === undefined || (before.state === 'sending' && this.#taken.has(before.packageId)))
      return undefined;
    if (freeAt > clock.now()) {
      this.#retries.push({ at: freeAt, candidate });
      return undefined;
    }
    if (before.attemptCount >= settings.attemptsLimit && before.state === 'sending') {
      await transitions.apply(before, abandoned(before, clock.now()));
      return undefined;
    }
    const question = this.#questionBefore(before);
    if (question) {
      await transitions.apply(before, question);
      this.#result.settled += 1;
      this.#result.submitted += 1;
      return undefined;
    }
    const revision = await packages.loadRevision(periodId, clientId, part, before.revision);
    if (!revision) throw new Error(`package ${before.packageId} has no document of revision ${before.revision}`);
    const body = bodyOf(revision.document, before.submission);
    const obstacle = await this.#sending.api.obstacle?.({ body });
    if (obstacle !== undefined) {
      await this.#park(before, obstacle);
      return undefined;
    }
    // An adapter that looks up by itself is never in doubt of an earlier request.
    const { looksUp = false } = this.#sending.api.facts;
    this.#taken.add(before.packageId);
    const taken = await transitions.apply(before, leased(before, this.#leaseEnd(), looksUp, clock.now()));
    return taken && { before, leased: taken, body };
  }

  /** What the API has to be asked before a package may be sent, if anything. */
  #questionBefore(before: PackageHead): Transition | undefined {
    // An adapter that looks up by itself is never in doubt of an earlier request.
    if (this.#sending.api.facts.looksUp) return undefined;
    const now = this.#sending.clock.now();
    if (mayBeForgotten(before, keyRetention(this.#sending), this.#leaseEnd())) return asked(before, now);
    if (this.#restored === undefined || !mayBeUnremembered(before, this.#restored.at)) return undefined;
    return askedAfterRestore(before, this.#restored.since, now);
  }

  async #park(before: PackageHead, obstacle: string): Promise<void> {
    const { transitions, clock } = this.#sending;
    await transitions.apply(before, obstructed(before, obstacle, clock.now()));
    this.#result.settled += 1;
    this.#result.rejected += 1;
  }

  #leaseEnd(): number {
    const { clock, settings } = this.#sending;
    return clock.now() + 2 * settings.requestTimeoutMilliseconds + 2 * LONGEST_QUOTA_PAUSE_MILLISECONDS;
  }

  /** Waiting for the quota in line may outlast a lease. False when somebody else has taken the package since. */
  async #keepLease(prepared: PreparedPackage): Promise<boolean> {
    const { clock, settings, transitions } = this.#sending;
    if ((prepared.leased.leaseUntil ?? 0) - clock.now() >= settings.requestTimeoutMilliseconds) return true;
    const renewed = await transitions.apply(prepared.leased, held(this.#leaseEnd()));
    if (renewed) prepared.leased = renewed;
    return renewed !== undefined;
  }

  /** One request after the other until the submission is done; what each came to is kept before the next one leaves. */
  async #steps(prepared: PreparedPackage, leaves: () => void): Promise<Submitted | 'lost' | undefined> {
    for (let step = 1; ; step++) {
      const outcome = await this.#requestSlots(() => this.#request(prepared, leaves));
      if (outcome === undefined || outcome === 'lost' || outcome.kind !== 'stepped') return outcome;
      const { progress } = outcome;
      const kept = await this.#sending.transitions.apply(prepared.leased, held(this.#leaseEnd(), progress));
      if (!kept) return 'lost';
      prepared.leased = kept;
      const { firstSentAt } = kept;
      prepared.before = { ...prepared.before, progress, everSent: true, ...(firstSentAt ? { firstSentAt } : {}) };
      // An adapter that never comes to an end must not spend the quota of all others.
      if (step >= LONGEST_SUBMISSION_STEPS) return undefined;
    }
  }

  /**
   * One request, when its time has come; undefined when its time does not come in this turn, `lost` when it is not ours
   * any more.
   */
  async #request(prepared: PreparedPackage, leaves: () => void): Promise<SubmitOutcome | 'lost' | undefined> {
    const { before, leased, body } = prepared;
    const idempotencyKey = idempotencyKeyOf(leased.packageId, leased.revision, leased.submission);
    const { progress } = leased;
    const { firstSentAt } = before;
    const submission = {
      idempotencyKey,
      body,
      ...(progress === undefined ? {} : { progress }),
      ...(firstSentAt === undefined ? {} : { firstSentAt }),
    };
    const submit = (options: RequestOptions): Promise<SubmitOutcome> => this.#sending.api.submit(submission, options);
    const outcome = await this.#paced(prepared, submit, leaves);
    // The token may have been rotated since it was read; the second request carries one that was read anew.
    if (outcome === undefined || outcome === 'lost') return outcome;
    if (outcome.kind !== 'credentials-refused' || this.#isOver()) return outcome;
    // Without room for it, the first has been answered all the same.
    return (await this.#paced(prepared, submit, leaves)) ?? outcome;
  }

  async #paced(
    prepared: PreparedPackage,
    submit: (options: RequestOptions) => Promise<SubmitOutcome>,
    leaves: () => void,
  ): Promise<SubmitOutcome | 'lost' | undefined> {
    const departure = await this.#pacer.next();
    if (typeof departure === 'string') return undefined;
    leaves();
    try {
      if (!(await this.#keepLease(prepared))) return 'lost';
      // Renewing takes time, and what leaves after the turn might meet the next one's.
      if (this.#pacer.isOver) return undefined;
      // It rejects only when no request could be made, as without a token: nothing of the package has left.
      const outcome = await submit({ onLeft: departure.left }).catch(async (error: unknown) => {
        await this.#putBack(prepared);
        throw error;
      });
      this.#health.heard(outcome, prepared.leased.packageId, this.#isSuspect(prepared.leased, outcome));
      this.#result.answered.requests += 1;
      this.#result.answered.milliseconds += outcome.exchange.latencyMilliseconds;
      this.#tuner.completed({
        latencyMilliseconds: outcome.exchange.latencyMilliseconds,
        failed: outcome.kind === 'unknown' || outcome.kind === 'throttled',
      });
      this.#requestSlots.concurrency = this.#tuner.concurrency;
      return outcome;
    } finally {
      departure.answered();
    }
  }

  async #record(candidate: OutstandingPackage, prepared: PreparedPackage, outcome: Submitted): Promise<void> {
    const { transitions, clock, settings, metrics } = this.#sending;
    metrics.milliseconds('InvoiceApiLatency', outcome.exchange.latencyMilliseconds);
    const isSuspect = this.#isSuspect(prepared.leased, outcome);
    if (isSuspect && !prepared.leased.turnedAway?.isSuspect) metrics.count('PackagesSetAside', 1);
    this.#noteRefusal(prepared.leased.packageId, outcome, isSuspect);
    const limits = { ...settings, isSuspect };
    const { name, change, attempt } = afterSending(prepared.leased, outcome, prepared.body, limits, clock.now());
    // What the API says it did not do has a time of its own.
    const at = change.dueAt ?? this.#retryAt(prepared, outcome);
    // While everybody stays away, or the run stops, that decides when it is sent, and not a time of its own.
    const isApis = outcome.kind === 'throttled' && (this.#health.blockedUntil ?? 0) > clock.now();
    const isOwn = isSuspect || (outcome.kind !== 'credentials-refused' && !isApis);
    const due = change.state === 'ready' && isOwn ? ({ dueAt: at, due: 'send' } as const) : {};
    // Nobody changes a head that we have on lease, unless we took longer than that: then their change stands.
    await transitions.apply(prepared.leased, { name, change: { ...change, ...due }, attempt });
    if (change.state === 'ready') this.#retries.push({ at, candidate });
    else this.#result.settled += 1;
    if (change.state === 'submitted') this.#result.submitted += 1;
    if (change.state === 'rejected' || change.state === 'parked') this.#result.rejected += 1;
  }

  /**
   * Credentials are wrong when two packages in a row are refused, or one and nothing is answered; else it is the
   * package.
   */
  #noteRefusal(packageId: string, outcome: Submitted, isSuspect: boolean): void {
    if (outcome.kind === 'throttled' || outcome.kind === 'unknown') return;
    if (outcome.kind !== 'credentials-refused') this.#refusals.clear();
    else if (!isSuspect) this.#refusals.set(packageId, outcome.reason);
    const [reason] = this.#refusals.values();
    if (reason !== undefined && this.#refusals.size > 1) this.#result.credentialsRefused ??= reason;
  }

  #isSuspect({ turnedAway, packageId }: PackageHead, outcome: SubmitOutcome): boolean {
    const isOnlyOneRefused = this.#refusals.size === 1 && this.#refusals.has(packageId);
    return isSuspect(turnedAway, outcome, {
      answeredAt: this.#health.lastAnsweredAt,
      isAlone: isOnlyOneRefused || this.#health.isAlone(packageId),
    });
  }

  #retryAt({ leased }: PreparedPackage, outcome: Submitted): number {
    const asked = 'retryAfterMilliseconds' in outcome ? outcome.retryAfterMilliseconds : undefined;
    const isInFlight = outcome.kind === 'in-flight';
    // The last one to be answered nothing may have met an outage, and a key may be in flight for hours.
    const isAlone = this.#health.isAlone(leased.packageId);
    const longest = isAlone || isInFlight ? LONGEST_LONE_BACKOFF_MILLISECONDS : LONGEST_BACKOFF_MILLISECONDS;
    const tries = leased.turnedAway?.times ?? 0;
    const grown = Math.min(longest, FIRST_BACKOFF_MILLISECONDS * (isAlone ? 4 : 2) ** tries);
    const now = this.#sending.clock.now();
    // After a block another package finds out whether it is over.
    const from = outcome.kind === 'unknown' ? Math.max(now, this.#health.blockedUntil ?? 0) : now;
    if (asked === undefined) return from + grown;
    // Some APIs say each second of a key that is in flight that it will be free in the next one.
    return now + (isInFlight ? Math.max(asked, grown) : asked);
  }

  /** We know that it never left, so it is as if we had never taken it. */
  async #putBack({ before, leased }: PreparedPackage): Promise<void> {
    this.#result.remaining = true;
    await this.#sending.transitions.apply(leased, putBack(before));
  }
}

/** From when on a package may be sent, in milliseconds since the epoch; undefined when it is not to be sent. */
function freeFrom({ state, dueAt = 0, leaseUntil = 0 }: PackageHead): number | undefined {
  if (state === 'ready') return dueAt;
  return state === 'sending' ? leaseUntil + 1 : undefined;
}
