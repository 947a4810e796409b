/** Threads of one process that may live and have died in one rehearsal. */
const MOST_THREADS = 65_536;
const COUNTER_BYTES = 8;

/**
 * What all threads know of the time: how far it is ahead of the machine's, and when each thread wants to be woken. It
 * lies in shared memory, since a jump must reach every thread at once.
 */
export class SharedTime {
  readonly #jumps: Int32Array;
  /** The first holds how far time is ahead; two for each thread follow: when it is due, and how wrong its clock is. */
  readonly #milliseconds: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#jumps = new Int32Array(buffer, 0, 1);
    this.#milliseconds = new BigInt64Array(buffer, COUNTER_BYTES);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(COUNTER_BYTES + 8 * (1 + 2 * MOST_THREADS));
  }

  /** Milliseconds by which time is ahead of the machine's clock. */
  get ahead(): number {
    return Number(Atomics.load(this.#milliseconds, 0));
  }

  /** Lets time jump, and wakes every thread. */
  jump(milliseconds: number): void {
    Atomics.add(this.#milliseconds, 0, BigInt(Math.ceil(milliseconds)));
    Atomics.add(this.#jumps, 0, 1);
    Atomics.notify(this.#jumps, 0);
  }

  /** Resolves at the next jump. Keeps no thread alive. */
  async nextJump(): Promise<void> {
    const waiting = Atomics.waitAsync(this.#jumps, 0, Atomics.load(this.#jumps, 0));
    if (waiting.async) await waiting.value;
  }

  /** When a thread wants to be woken, as milliseconds since the epoch; undefined while it waits for nothing. */
  dueOf(thread: number): number | undefined {
    const due = Atomics.load(this.#milliseconds, 1 + 2 * thread);
    return due === 0n ? undefined : Number(due);
  }

  setDue(thread: number, due: number | undefined): void {
    Atomics.store(this.#milliseconds, 1 + 2 * thread, due === undefined ? 0n : BigInt(Math.ceil(due)));
  }

  /** By how many milliseconds the clock of a thread is wrong. */
  skewOf(thread: number): number {
    return Number(Atomics.load(this.#milliseconds, 2 + 2 * thread));
  }

  setSkew(thread: number, milliseconds: number): void {
    Atomics.store(this.#milliseconds, 2 + 2 * thread, BigInt(Math.round(milliseconds)));
  }
}
