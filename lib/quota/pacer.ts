import type { OpenTurn } from './calendar.ts';
import { LONGEST_PAUSE_MILLISECONDS } from './calendar.ts';
import { earliest, type PastRequests } from './history.ts';
import { limitsOf, type Quota, type QuotaLimit } from './quota.ts';

/** Where the time comes from. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** A request that has left; say so when its answer is there. */
export interface Departure {
  at: number;
  /** Its bytes are out of our hands. Until then it counts as just leaving, however long a busy process takes. */
  left(): void;
  answered(): void;
}

/** A connection that carried nothing for so long may have been closed. */
const IDLE_CONNECTION_MILLISECONDS = 1_000;

/** Why no further request leaves in this turn. */
export type PacerStop = 'quota' | 'time' | 'stopped';

/**
 * Paces the requests of one turn: each leaves as soon as all windows allow it, given what had left before the turn and
 * in it. Ask {@link next} right before the request.
 */
export class Pacer {
  readonly #turn: OpenTurn;
  readonly #limits: readonly QuotaLimit[];
  readonly #clock: Clock;
  readonly #before: readonly PastRequests[];
  readonly #own: PastRequests[] = [];
  /** Requests under way that may not have left yet: just made, or waiting for a new connection. */
  readonly #leaving = new Set<PastRequests>();
  /** As many requests as were under way at once lately: so many connections are open. */
  #connections = 0;
  #lastDeparture = 0;
  #holdUntil = 0;
  #stopped = false;
  #queue: Promise<unknown> = Promise.resolve();
  /** Milliseconds that were waited for the quota while nothing was under way. */
  idleMilliseconds = 0;
  #underWay = 0;
  #mostUnderWay = 0;
  #latencies = 0;

  constructor(turn: OpenTurn, past: readonly PastRequests[], quota: Quota, clock: Clock) {
    this.#turn = turn;
    this.#limits = limitsOf(quota, turn.kind);
    this.#clock = clock;
    const longest = Math.max(0, ...this.#limits.map(({ milliseconds }) => milliseconds));
    this.#before = past.filter(({ at }) => at + 2 * longest > clock.now());
  }

  /** Everything that has left in this turn, for the calendar. */
  get sent(): readonly PastRequests[] {
    return this.#own;
  }

  /** Mean latency over the most requests at once, in milliseconds; undefined when nothing was sent. */
  get millisecondsPerRequest(): number | undefined {
    if (this.#own.length === 0) return undefined;
    const latencies = this.#latencies / this.#own.length;
    return latencies / Math.max(1, this.#mostUnderWay);
  }

  /** When the n-th request from now may leave, at the earliest. */
  earliest(requests: number, now = this.#clock.now()): number {
    for (const request of this.#leaving) request.at = now;
    const free = earliest([...this.#before, ...this.#own], this.#limits, requests, now, this.#turn.clock);
    return Math.max(free, this.#holdUntil);
  }

  /** Whether so many further requests may leave without a long pause before any of them. */
  hasRoomFor(requests: number): boolean {
    const now = this.#clock.now();
    if (this.#stopped || now >= this.#turn.until || this.#own.length + requests > this.#turn.requests) return false;
    const shortest = Math.min(...this.#limits.map((limit) => limit.requests));
    return this.earliest(Math.min(requests, shortest), now) <= now + LONGEST_PAUSE_MILLISECONDS;
  }

  /** Nothing leaves before that moment. */
  holdUntil(moment: number): void {
    this.#holdUntil = Math.max(this.#holdUntil, moment);
  }

  /** Nothing leaves any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Waits until a request may leave, and counts it; or says why none will. Callers are served in order. */
  next(): Promise<Departure | PacerStop> {
    const served = this.#queue.then(() => this.#next());
    this.#queue = served.catch(() => {});
    return served;
  }

  async #next(): Promise<Departure | PacerStop> {
    for (;;) {
      const now = this.#clock.now();
      if (this.#stopped) return 'stopped';
      if (now >= this.#turn.until || this.#own.length >= this.#turn.requests) return 'time';
      const free = this.earliest(1, now);
      if (free <= now) return this.#depart(now);
      if (free > now + LONGEST_PAUSE_MILLISECONDS) return 'quota';
      if (this.#underWay === 0) this.idleMilliseconds += free - now;
      await this.#clock.sleep(free - now);
    }
  }

  #depart(at: number): Departure {
    const request: PastRequests = {
      kind: this.#turn.kind,
      at,
      slack: Number.MAX_SAFE_INTEGER,
      count: 1,
      clock: this.#turn.clock,
    };
    this.#own.push(request);
    this.#underWay += 1;
    this.#mostUnderWay = Math.max(this.#mostUnderWay, this.#underWay);
    if (at - this.#lastDeparture > IDLE_CONNECTION_MILLISECONDS) this.#connections = 0;
    this.#lastDeparture = at;
    // Opening a connection takes as long as it takes, so only its answer tells that such a request has left.
    const needsConnection = this.#underWay > this.#connections;
    this.#connections = Math.max(this.#connections, this.#underWay);
    this.#leaving.add(request);
    return {
      at,
      left: () => {
        if (!needsConnection && this.#leaving.delete(request)) request.at = this.#clock.now();
      },
      answered: () => {
        const now = this.#clock.now();
        if (this.#leaving.delete(request)) request.at = now;
        request.slack = Math.max(0, now - request.at);
        this.#underWay -= 1;
        this.#latencies += now - at;
      },
    };
  }
}
