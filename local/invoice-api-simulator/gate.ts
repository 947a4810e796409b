import type { Quota, QuotaWindow } from '../../lib/quota/quota.ts';
import type { Profile } from './profiles.ts';
import { SlidingWindow } from './sliding-window.ts';

/** What a request spends: submissions the send windows, reads the status windows, both the shared ones. */
export type Operation = 'submit' | 'status' | 'list';

/** How a request that may not pass is to be answered. */
export interface Refusal {
  status: 429 | 400;
  /** Milliseconds of the API's time; undefined when the API gives no hint. */
  retryAfter: number | undefined;
}

interface NamedWindow {
  name: string;
  window: SlidingWindow;
}

const PENALTY = 60_000;
const FIRST_BLOCK = 30_000;
const LONGEST_BLOCK = 3_600_000;
const ERP_WAIT = 120_000;

/**
 * Enforces quota and concurrency without mercy: every request over either is refused and counted as a violation, by
 * the window that it broke. A refused request spends nothing. All times are milliseconds of the API's clock.
 */
export class Gate {
  readonly violationsByWindow: Record<string, number> = {};
  violations = 0;
  /**
   * By how much the worst of the violations came too early, in milliseconds of the API's clock: before its window had
   * room, before a place was free, or since the block began of which its sender could not know yet. A machine that held
   * requests up on their way explains as much, and no more.
   */
  earlyBy = 0;
  readonly #profile: Profile;
  #windows: Record<'send' | 'status', NamedWindow[]>;
  #underWay = 0;
  #blockedUntil = 0;
  #blockedSince = 0;
  /** When requests were refused for want of a place, since a place was given back last. */
  readonly #crowdedAt: number[] = [];
  #block = 0;

  constructor(profile: Profile, quota: Quota) {
    this.#profile = profile;
    this.#windows = windowsOf(quota);
  }

  /** From now on this quota; what was let in before is forgotten. */
  setQuota(quota: Quota): void {
    this.#windows = windowsOf(quota);
  }

  /** True when another request now would be one too many at a time. */
  get full(): boolean {
    return this.#profile.concurrency !== undefined && this.#underWay >= this.#profile.concurrency;
  }

  /** Lets a request in, which then must `leave`, or says how to refuse it. */
  enter(kind: Operation, now: number): Refusal | undefined {
    const windows = this.#windowsOf(kind);
    const broken = windows.filter(({ window }) => window.waitFrom(now) > 0).map(({ name }) => name);
    if (this.full) broken.push('concurrency');
    if (now < this.#blockedUntil) broken.push('block');
    if (broken.length > 0) {
      const wait = Math.max(...windows.map(({ window }) => window.waitFrom(now)), 0);
      this.#noteEarly(wait, now);
      return this.#refuse(broken, wait, now);
    }

    for (const { window } of windows) window.admit(now);
    this.#underWay += 1;
    this.#block = 0;
    return undefined;
  }

  /** The request is answered, or its client is gone. */
  leave(now: number): void {
    this.#underWay -= 1;
    for (const at of this.#crowdedAt.splice(0)) this.earlyBy = Math.max(this.earlyBy, now - at);
  }

  /** The window with the least left, for the RateLimit fields; undefined without windows. */
  nearest(
    kind: Operation,
    now: number,
  ): { name: string; remaining: number; wait: number; window: SlidingWindow } | undefined {
    return this.#windowsOf(kind)
      .map(({ name, window }) => ({ name, window, remaining: window.remainingAt(now), wait: window.waitFrom(now) }))
      .sort((one, other) => one.remaining - other.remaining || other.wait - one.wait)[0];
  }

  #windowsOf(kind: Operation): NamedWindow[] {
    return this.#windows[kind === 'submit' ? 'send' : 'status'];
  }

  #noteEarly(wait: number, now: number): void {
    const sinceBlock = now < this.#blockedUntil ? now - this.#blockedSince : 0;
    this.earlyBy = Math.max(this.earlyBy, wait, sinceBlock);
    if (this.full) this.#crowdedAt.push(now);
  }

  #blockFor(milliseconds: number, now: number): void {
    if (now >= this.#blockedUntil) this.#blockedSince = now;
    this.#blockedUntil = now + milliseconds;
  }

  #refuse(broken: string[], wait: number, now: number): Refusal {
    this.violations += 1;
    for (const name of broken) this.violationsByWindow[name] = (this.violationsByWindow[name] ?? 0) + 1;
    switch (this.#profile.throttleAnswer) {
      case 'retry-after':
        return { status: 429, retryAfter: wait };
      case 'bare':
        return { status: 429, retryAfter: undefined };
      case 'penalty':
        this.#blockFor(PENALTY, now);
        return { status: 429, retryAfter: undefined };
      case 'retry-after-or-400':
        return { status: this.violations % 2 === 0 ? 400 : 429, retryAfter: ERP_WAIT };
      case 'doubling':
        this.#blockFor(Math.min(FIRST_BLOCK * 2 ** this.#block, LONGEST_BLOCK), now);
        this.#block += 1;
        return { status: 429, retryAfter: this.#blockedUntil - now };
    }
  }
}

function windowsOf(quota: Quota): Record<'send' | 'status', NamedWindow[]> {
  const shared = named('shared', quota.shared);
  return {
    send: [...named('send', quota.send), ...shared],
    status: [...named('status', quota.status), ...shared],
  };
}

function named(scope: string, windows: readonly QuotaWindow[]): NamedWindow[] {
  return windows.map(({ requests, seconds }) => ({
    name: `${scope} ${requests}/${seconds}`,
    window: new SlidingWindow(requests, seconds * 1000),
  }));
}
