import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenTurn } from './calendar.ts';
import { earliest, type PastRequests, stillHeld } from './history.ts';
import { limitsOf, type Quota, type QuotaLimit } from './quota.ts';

/** Where the time comes from. Milliseconds since the epoch. */
export interface Clock {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** The machine's own clock. */
export const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  sleep: async (milliseconds) => {
    await sleep(milliseconds);
  },
};

/** A request that has left; say so when its answer is there. */
export interface Departure {
  at: number;
  /**
   * Its bytes are on a connection that was open. Until then, or until its answer if it is not said, it counts as just
   * leaving: reading a token and opening a connection take as long as they take.
   */
  left: () => void;
  answered(): void;
}

/**
 * Waits for the quota up to this long are made in the Lambda that sends; a longer one ends the turn and is a Wait
 * state. With a shorter one, turns under a quota of a minute fall into ever smaller pieces, as latencies draw them out.
 */
export const LONGEST_QUOTA_PAUSE_MILLISECONDS = 30_000;

/** Held requests are sifted when there are so many more than twice what was held the last time. */
const PRUNE_FROM = 64;

/** Why no further request leaves in this turn. */
export type PacerStop = 'quota' | 'time' | 'stopped';

/**
 * Paces the requests of one turn: each leaves as soon as all windows allow it, given what had left before the turn and
 * in it. Ask {@link next} right before the request.
 */
export class Pacer {
  readonly #turn: OpenTurn;
  /** Each limit with the requests, from before the turn and in it, that its window may still hold. */
  readonly #windows: { limit: QuotaLimit; held: PastRequests[]; pruneAt: number }[];
  readonly #clock: Clock;
  readonly #own: PastRequests[] = [];
  /** Requests under way that may not have left yet: just made, or waiting for a token or a connection. */
  readonly #leaving = new Set<PastRequests>();
  #holdUntil = 0;
  #stopped = false;
  #queue: Promise<unknown> = Promise.resolve();
  #isPausing = false;
  #idleFrom: number | undefined;
  /** Milliseconds that were waited for the quota while nothing was under way. */
  idleMilliseconds = 0;
  #underWay = 0;

  constructor(turn: OpenTurn, past: readonly PastRequests[], quota: Quota, clock: Clock) {
    this.#turn = turn;
    this.#clock = clock;
    this.#windows = limitsOf(quota, turn.kind).map((limit) => {
      const held = stillHeld(past, limit, clock.now(), turn.clock);
      return { limit, held, pruneAt: 2 * held.length + PRUNE_FROM };
    });
  }

  /** Everything that has left in this turn, for the calendar. */
  get sent(): readonly PastRequests[] {
    return this.#own;
  }

  /** When the n-th request from now may leave, at the earliest. */
  earliest(requests: number, now = this.#clock.now()): number {
    for (const request of this.#leaving) request.at = now;
    return this.#windows.reduce(
      (latest, { held, limit }) => Math.max(latest, earliest(held, [limit], requests, now, this.#turn.clock)),
      Math.max(now, this.#holdUntil),
    );
  }

  /** Whether so many further requests may leave without a long pause before any of them. */
  hasRoomFor(requests: number): boolean {
    const now = this.#clock.now();
    if (this.#stopped || now >= this.#turn.until || this.#own.length + requests > this.#turn.requests) return false;
    const fewest = Math.min(...this.#windows.map(({ limit }) => limit.requests));
    return this.earliest(Math.min(requests, fewest), now) <= now + LONGEST_QUOTA_PAUSE_MILLISECONDS;
  }

  /** Whether nothing more may leave in this turn, by its time or by {@link stop}. */
  get isOver(): boolean {
    return this.#stopped || this.#clock.now() >= this.#turn.until;
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
      if (free > now + LONGEST_QUOTA_PAUSE_MILLISECONDS) return 'quota';
      await this.#pause(free - now);
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    const from = this.#clock.now();
    this.#isPausing = true;
    if (this.#underWay === 0) this.#idleFrom = from;
    await this.#clock.sleep(milliseconds);
    this.#isPausing = false;
    this.#endIdle();
  }

  #endIdle(): void {
    if (this.#idleFrom !== undefined) this.idleMilliseconds += this.#clock.now() - this.#idleFrom;
    this.#idleFrom = undefined;
  }

  /** What no window can hold any more is looked at no longer: a turn may send thousands. */
  #hold(window: { limit: QuotaLimit; held: PastRequests[]; pruneAt: number }, request: PastRequests): void {
    window.held.push(request);
    if (window.held.length < window.pruneAt) return;
    window.held = stillHeld(window.held, window.limit, request.at, this.#turn.clock);
    window.pruneAt = 2 * window.held.length + PRUNE_FROM;
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
    for (const window of this.#windows) this.#hold(window, request);
    this.#underWay += 1;
    this.#leaving.add(request);
    return {
      at,
      left: () => {
        if (this.#leaving.delete(request)) request.at = this.#clock.now();
      },
      answered: () => {
        const now = this.#clock.now();
        if (this.#leaving.delete(request)) request.at = now;
        request.slack = Math.max(0, now - request.at);
        this.#underWay -= 1;
        if (this.#underWay === 0 && this.#isPausing) this.#idleFrom = now;
      },
    };
  }
}
