import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../lib/quota/pacer.ts';
import type { ScaledClock } from '../../local/invoice-api-simulator/scaled-clock.ts';

interface Timer {
  at: number;
  wake: () => void;
  handle?: NodeJS.Timeout;
}

/** So long must nobody do anything before the clock jumps: the engine takes a moment between two states. */
const QUIET_MILLISECONDS = 5;

/**
 * One clock for the simulator and its callers. While somebody works, `scale` of its seconds pass in one of ours; when
 * everybody only waits in a Wait state, it jumps to the end of the first wait. Nothing changes places by either.
 */
export class JumpingClock implements ScaledClock, Clock {
  readonly scale: number;
  readonly #timers = new Set<Timer>();
  readonly #waits = new Set<number>();
  #offset = Date.now();
  #working = 0;
  #isStopped = false;

  constructor(scale: number) {
    this.scale = scale;
    this.#offset -= performance.now() * scale;
  }

  now(): number {
    return this.#offset + performance.now() * this.scale;
  }

  toWall(milliseconds: number): number {
    return milliseconds;
  }

  async pass(milliseconds: number): Promise<boolean> {
    if (milliseconds > 0) await this.sleep(milliseconds);
    return !this.#isStopped;
  }

  sleep(milliseconds: number): Promise<void> {
    return this.#until(this.now() + milliseconds);
  }

  /** Waits as a Wait state does, in which no Lambda runs. */
  async idleUntil(at: number): Promise<void> {
    if (at <= this.now()) return;
    const wait = at + Math.random() * 1e-3;
    this.#waits.add(wait);
    void this.#jumpWhenQuiet();
    await this.#until(at);
    this.#waits.delete(wait);
  }

  /** Does something that takes time as it passes. */
  async working<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#working += 1;
    try {
      return await work();
    } finally {
      this.#working -= 1;
      void this.#jumpWhenQuiet();
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) this.#fire(timer);
  }

  #until(at: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((wake) => {
      const timer: Timer = { at, wake };
      this.#timers.add(timer);
      this.#schedule(timer);
    });
  }

  #schedule(timer: Timer): void {
    clearTimeout(timer.handle);
    const wall = (timer.at - this.now()) / this.scale;
    timer.handle = setTimeout(
      () => (this.now() >= timer.at ? this.#fire(timer) : this.#schedule(timer)),
      Math.min(Math.max(wall, 0), 2 ** 30),
    );
  }

  #fire(timer: Timer): void {
    clearTimeout(timer.handle);
    this.#timers.delete(timer);
    timer.wake();
  }

  async #jumpWhenQuiet(): Promise<void> {
    const since = performance.now();
    while (performance.now() - since < QUIET_MILLISECONDS) {
      await turn();
      if (this.#working > 0 || this.#waits.size === 0) return;
    }
    const ahead = Math.min(...this.#waits) - this.now();
    if (ahead <= 0) return;
    this.#offset += ahead;
    for (const timer of this.#timers) this.#schedule(timer);
  }
}
