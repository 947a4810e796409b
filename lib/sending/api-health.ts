import type { Exchange } from '../invoice-api/invoice-api.ts';
import { type FailedRead, type KindHealth, LONGEST_PAUSE_MILLISECONDS, type QuotaCalendar } from '../quota/calendar.ts';
import type { Clock, Pacer } from '../quota/pacer.ts';
import { limitsOf, type Quota } from '../quota/quota.ts';

/** The part of any outcome that tells how the API is. */
export interface Heard {
  kind: string;
  exchange: Exchange;
  retryAfterMilliseconds?: number | undefined;
  /** Why the outcome is unknown. */
  cause?: string;
  /** What the API said, or what went wrong, for a person. */
  reason?: string;
}

/**
 * Where an API throttles without saying for how long, it is about a minute (QuickBooks, Chargebee) or its own window.
 */
const LONGEST_FIRST_BLOCK_MILLISECONDS = 60_000;
const FIRST_BLOCK_WITHOUT_QUOTA_MILLISECONDS = 5_000;
const LONGEST_BLOCK_MILLISECONDS = 3_600_000;
/** One 503 in a hundred is chance, two in a row are an API that has no room. */
const UNAVAILABLE_IN_A_ROW = 2;
/** So many requests in a row without a usable answer are an API that is down; going on would only spend attempts. */
const FAILURES_IN_A_ROW = 5;
/** So many answers in a row that nothing is there, when the API never answered anything else, are a wrong address. */
const WRONG_ADDRESSES_IN_A_ROW = 3;
/** The calendar is one small item. */
const LONGEST_REASON = 500;
/** Failures that are of no package in particular. */
const SEVERAL = '*';
/**
 * When it is so after a block too, it is an outage: shorter blocks would be over before the next attempt. Doubles each
 * time.
 */
const FIRST_OUTAGE_BLOCK_MILLISECONDS = 60_000;

/**
 * Listens to the outcomes of one turn and decides when to stay away. A short stay is waited for; a long one ends the
 * turn and goes into the calendar, so that nobody calls: some APIs extend a block each time it is ignored.
 */
export class ApiHealth {
  readonly #pacer: Pacer;
  readonly #clock: Clock;
  readonly #firstBlock: number;
  #blocksInARow: number;
  #failuresInARow: number;
  #blockedUntil: number | undefined;
  #blockedBy: string | undefined;
  #answeredAt: number | undefined;
  readonly #everAnswered: boolean;
  #wrongAddresses = 0;
  #wrongAddress: string | undefined;
  #answered = false;
  #isSilence = true;
  #failed: FailedRead | undefined;
  #lastAnsweredAt: number | undefined;
  /** The packages that have had the failures in a row. */
  readonly #failing = new Set<string>();
  #isDown = false;
  throttled = 0;
  unknown = 0;

  /**
   * @param before how the turns before ended: an API that is down is so for a lone package too, which fails once or
   * twice a turn
   */
  constructor(
    pacer: Pacer,
    clock: Clock,
    quota: Quota,
    before: KindHealth & Pick<QuotaCalendar, 'answeredAt' | 'past'>,
  ) {
    this.#pacer = pacer;
    this.#clock = clock;
    this.#blocksInARow = before.blocksInARow;
    this.#failuresInARow = before.failuresInARow;
    // An earlier release kept no `answeredAt`: what has left and did not fail was answered.
    const left = before.past.reduce((sum, { count }) => sum + count, 0);
    this.#everAnswered = before.answeredAt !== undefined || left > before.failuresInARow;
    this.#lastAnsweredAt = before.lastAnsweredAt;
    // Failures of an earlier release's turns, and of several packages, are of nobody in particular.
    if (before.failuresInARow > 0) this.#failing.add(before.onlyFailing || SEVERAL);
    const windows = limitsOf(quota)
      .map(({ milliseconds }) => milliseconds)
      .filter((milliseconds) => milliseconds <= LONGEST_FIRST_BLOCK_MILLISECONDS);
    this.#firstBlock = windows.length > 0 ? Math.max(...windows) : FIRST_BLOCK_WITHOUT_QUOTA_MILLISECONDS;
  }

  /** Until when everybody should stay away; undefined when the API was fine. Milliseconds since the epoch. */
  get blockedUntil(): number | undefined {
    return this.#blockedUntil;
  }

  /** Who said so, in words for a person. */
  get blockedBy(): string | undefined {
    return this.#blockedBy;
  }

  /** Whether nobody asked for the block: there were only no usable answers. */
  get isSilence(): boolean {
    return this.#isSilence;
  }

  /** The last request of this turn without a usable answer. */
  get failed(): FailedRead | undefined {
    return this.#failed;
  }

  /**
   * When the API last answered anything usable; undefined when it did not in this turn. Milliseconds since the epoch.
   */
  get answeredAt(): number | undefined {
    return this.#answeredAt;
  }

  /** The last of several answers that nothing is there for us, where the API never answered anything else. */
  get wrongAddress(): string | undefined {
    return this.#wrongAddress;
  }

  /** Whether the API answered anything usable after it last asked us to stay away. */
  get answered(): boolean {
    return this.#answered;
  }

  /** How many requests in a row had no usable answer, those of the turns before included. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** Whether to stay away for longer than a turn waits. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** When a request of this kind was last answered usably, in this turn or before; milliseconds since the epoch. */
  get lastAnsweredAt(): number | undefined {
    return this.#lastAnsweredAt;
  }

  /** The package that alone has had the failures in a row; undefined when there are several or none. */
  get onlyFailing(): string | undefined {
    const [only] = this.#failing;
    return this.#failing.size === 1 ? only : undefined;
  }

  /**
   * @param packageId which one it was about, if it was about one
   * @param isSuspect whether that one is known to be turned away while others are not: then it says nothing about the
   * API
   */
  heard(outcome: Heard, packageId = SEVERAL, isSuspect = false): void {
    const { kind, cause, exchange, retryAfterMilliseconds, reason } = outcome;
    this.#noteAddress(cause === 'wrong-address' ? reason : undefined);
    if (kind === 'throttled') this.throttled += 1;
    if (kind === 'unknown') this.unknown += 1;
    if (kind === 'credentials-refused') return;
    if (kind !== 'throttled' && kind !== 'unknown') {
      this.#failuresInARow = 0;
      this.#failing.clear();
      this.#answered = true;
      this.#answeredAt = this.#clock.now();
      this.#lastAnsweredAt = this.#answeredAt;
      return;
    }
    this.#failed = { at: this.#clock.now(), reason: (reason ?? 'it said nothing').slice(0, LONGEST_REASON) };
    // A rate limit is everybody's, whichever package meets it.
    const isLimit = kind === 'throttled' && exchange.httpStatus !== 503;
    if (isSuspect && !isLimit) return;
    this.#failing.add(packageId);
    this.#failuresInARow += 1;
    const enough = kind === 'unknown' ? FAILURES_IN_A_ROW : isLimit ? 1 : UNAVAILABLE_IN_A_ROW;
    if (this.#failuresInARow < enough) return;
    // The API answered the others: it is this package that it has no answer for, and that one waits alone.
    if (!isLimit && this.isAlone(packageId)) return;
    this.#block(kind, retryAfterMilliseconds, reason);
  }

  #noteAddress(wrong: string | undefined): void {
    this.#wrongAddresses = wrong === undefined ? 0 : this.#wrongAddresses + 1;
    if (this.#everAnswered || this.#answeredAt !== undefined || wrong === undefined) return;
    // After a block one request finds out, so that there are never several in a turn.
    if (this.#wrongAddresses < WRONG_ADDRESSES_IN_A_ROW && this.#failuresInARow < FAILURES_IN_A_ROW) return;
    this.#wrongAddress = wrong;
    this.#pacer.stop();
  }

  /** Whether all failures in a row are of this package, at an API that has answered others before. */
  isAlone(packageId: string): boolean {
    return this.#lastAnsweredAt !== undefined && packageId !== SEVERAL && this.onlyFailing === packageId;
  }

  #grownBlock(kind: string): number {
    const isOutage = kind === 'unknown' && this.#blocksInARow > 0;
    const outage = isOutage ? FIRST_OUTAGE_BLOCK_MILLISECONDS * 2 ** (this.#blocksInARow - 1) : 0;
    return Math.min(LONGEST_BLOCK_MILLISECONDS, Math.max(outage, this.#firstBlock * 2 ** this.#blocksInARow));
  }

  #block(kind: string, asked: number | undefined, reason = 'it said nothing'): void {
    const now = this.#clock.now();
    if (kind === 'throttled' || asked !== undefined) this.#isSilence = false;
    // Requests that were under way when the first one was refused are refused too; that is one block, not many.
    const isNew = (this.#blockedUntil ?? 0) <= now;
    const grown = this.#grownBlock(kind);
    if (isNew) this.#blocksInARow += 1;
    const until = isNew || asked !== undefined ? now + (asked ?? grown) : 0;
    if (until > (this.#blockedUntil ?? 0)) {
      const failures = `${this.#failuresInARow} requests in a row had no usable answer`;
      this.#blockedBy = kind === 'unknown' && asked === undefined ? `${failures}; the last: ${reason}` : reason;
    }
    this.#blockedUntil = Math.max(this.#blockedUntil ?? 0, until);
    this.#answered = false;
    this.#pacer.holdUntil(this.#blockedUntil);
    if (this.#blockedUntil <= now + LONGEST_PAUSE_MILLISECONDS) return;
    this.#isDown = true;
    this.#pacer.stop();
  }
}
