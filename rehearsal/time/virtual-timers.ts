import type { SharedTime } from './shared-time.ts';

/** The machine's own, as they were before anything took their place. */
const machine = { now: Date.now, setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
const MOST_MILLISECONDS = 2 ** 31 - 1;

/** A timer of virtual time; stands for what Node.js returns of `setTimeout`. */
export class VirtualTimer implements Disposable {
  readonly #timers: VirtualTimers;
  readonly #milliseconds: number;
  readonly #repeats: boolean;
  readonly #call: () => void;
  #isReferenced = true;
  due = 0;

  constructor(timers: VirtualTimers, call: () => void, milliseconds: number, repeats: boolean) {
    this.#timers = timers;
    this.#call = call;
    this.#milliseconds = milliseconds >= 1 && milliseconds <= MOST_MILLISECONDS ? milliseconds : 1;
    this.#repeats = repeats;
    this.refresh();
  }

  /** What repeats is no reason to let time jump: it would jump for ever. */
  get isAwaited(): boolean {
    return !this.#repeats;
  }

  fire(): void {
    if (this.#repeats) this.refresh();
    this.#call();
  }

  refresh(): this {
    this.due = this.#timers.now() + this.#milliseconds;
    this.#timers.add(this);
    return this;
  }

  ref(): this {
    this.#isReferenced = true;
    this.#timers.changed();
    return this;
  }

  unref(): this {
    this.#isReferenced = false;
    this.#timers.changed();
    return this;
  }

  hasRef(): boolean {
    return this.#isReferenced;
  }

  close(): this {
    this.#timers.remove(this);
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.toPrimitive](): number {
    return this.#timers.numberOf(this);
  }
}

/** The timers of one thread. Each fires once its virtual moment has come, by the machine's time or a jump. */
export class VirtualTimers {
  readonly #shared: SharedTime;
  readonly #thread: number;
  readonly #waiting = new Set<VirtualTimer>();
  readonly #numbers = new Map<number, VirtualTimer>();
  #lastNumber = 1 << 30;
  #machineTimer: NodeJS.Timeout | undefined;
  #isPlanned = false;

  constructor(shared: SharedTime, thread: number) {
    this.#shared = shared;
    this.#thread = thread;
    void this.#followJumps();
  }

  /** Milliseconds since the epoch, without what is wrong with this thread's clock. */
  now(): number {
    return machine.now() + this.#shared.ahead;
  }

  add(timer: VirtualTimer): void {
    this.#waiting.add(timer);
    this.changed();
  }

  remove(timer: VirtualTimer): void {
    if (this.#waiting.delete(timer)) this.changed();
  }

  /** The number by which a timer may be cleared as well. */
  numberOf(timer: VirtualTimer): number {
    const number = ++this.#lastNumber;
    this.#numbers.set(number, timer);
    return number;
  }

  numbered(number: number): VirtualTimer | undefined {
    return this.#numbers.get(number);
  }

  /** Says anew when this thread is due, once for all changes of one turn of the event loop. */
  changed(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#plan();
    });
  }

  #plan(): void {
    let [due, awaited] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    let isReferenced = false;
    for (const timer of this.#waiting) {
      due = Math.min(due, timer.due);
      if (timer.isAwaited) awaited = Math.min(awaited, timer.due);
      isReferenced ||= timer.hasRef();
    }
    this.#shared.setDue(this.#thread, Number.isFinite(awaited) ? awaited : undefined);
    machine.clearTimeout(this.#machineTimer);
    this.#machineTimer = undefined;
    if (!Number.isFinite(due)) return;
    const left = Math.min(Math.max(due - this.now(), 0), MOST_MILLISECONDS);
    this.#machineTimer = machine.setTimeout(() => this.#fire(), left);
    if (!isReferenced) this.#machineTimer.unref();
  }

  async #followJumps(): Promise<void> {
    for (;;) {
      await this.#shared.nextJump();
      this.#fire();
    }
  }

  #fire(): void {
    const now = this.now();
    const due = [...this.#waiting].filter((timer) => timer.due <= now).sort((one, other) => one.due - other.due);
    for (const timer of due) {
      if (!this.#waiting.delete(timer)) continue;
      // As Node.js does, so that what one timer leaves for a microtask is done before the next fires.
      queueMicrotask(() => timer.fire());
    }
    this.changed();
  }
}
