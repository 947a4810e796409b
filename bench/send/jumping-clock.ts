import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../lib/quota/pacer.ts';
import type { ScaledClock } from '../../local/invoice-api-simulator/scaled-clock.ts';

interface Timer {
  at: number;
  wake: () => void;
}

/**
 * So long, and for so many rounds of the event loop, must nothing happen before the clock jumps. Both ends of every
 * HTTP connection are in this process, so bytes on their way arrive within a few rounds; calls to other processes are
 * {@link JumpingClock.busy}.
 */
const QUIET_MILLISECONDS = 2.5;
const QUIET_ROUNDS = 50;

/**
 * One clock for the simulator and its callers. Work takes the time that it takes here; when everybody only waits (for
 * the API's latency, for the quota, in a Wait state), the clock jumps to the end of the first wait. So a measurement
 * comes out as if it had run in real time, and a day of the API's time passes in a minute.
 */
export class JumpingClock implements ScaledClock, Clock {
  readonly #timers = new Set<Timer>();
  #offset = Date.now() - performance.now();
  #busy = 0;
  #events = 0;
  #alarm: NodeJS.Timeout | undefined;
  #isWatching = false;
  #isStopped = false;

  now(): number {
    return this.#offset + performance.now();
  }

  toWall(milliseconds: number): number {
    return milliseconds;
  }

  async pass(milliseconds: number): Promise<boolean> {
    if (milliseconds > 0) await this.sleep(milliseconds);
    return !this.#isStopped;
  }

  sleep(milliseconds: number): Promise<void> {
    return this.sleepUntil(this.now() + milliseconds);
  }

  sleepUntil(at: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((wake) => {
      this.#timers.add({ at, wake });
      this.#happened();
    });
  }

  /** As AbortSignal.timeout, on this clock. */
  timeoutSignal(milliseconds: number): AbortSignal {
    const controller = new AbortController();
    void this.sleep(milliseconds).then(() => controller.abort());
    return controller.signal;
  }

  /** Waits for another process, whose work takes the time that it takes. */
  async busy<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      this.#happened();
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#alarm);
    for (const { wake } of this.#timers) wake();
    this.#timers.clear();
  }

  #happened(): void {
    this.#events += 1;
    if (this.#isStopped) return;
    this.#setAlarm();
    if (!this.#isWatching) void this.#jumpWhenQuiet();
  }

  #first(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { at } of this.#timers) first = Math.min(first, at);
    return first;
  }

  #setAlarm(): void {
    clearTimeout(this.#alarm);
    const wait = this.#first() - this.now();
    if (wait < Number.POSITIVE_INFINITY) {
      this.#alarm = setTimeout(() => this.#wakeDue(), Math.min(Math.max(wait, 0), 2 ** 30));
    }
  }

  #wakeDue(): void {
    const now = this.now();
    for (const timer of this.#timers) {
      if (timer.at > now) continue;
      this.#timers.delete(timer);
      timer.wake();
    }
    this.#happened();
  }

  async #jumpWhenQuiet(): Promise<void> {
    this.#isWatching = true;
    while (!this.#isStopped && this.#busy === 0 && this.#timers.size > 0) {
      if (!(await this.#isQuiet())) continue;
      this.#offset += Math.max(0, this.#first() - this.now());
      this.#wakeDue();
    }
    this.#isWatching = false;
  }

  async #isQuiet(): Promise<boolean> {
    const since = performance.now();
    const events = this.#events;
    for (let rounds = 0; rounds < QUIET_ROUNDS || performance.now() - since < QUIET_MILLISECONDS; rounds++) {
      await turn();
      if (this.#events !== events || this.#busy > 0) return false;
    }
    return true;
  }
}
