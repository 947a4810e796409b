import { createRequire, syncBuiltinESMExports } from 'node:module';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setEnvironmentData, Worker, type WorkerOptions } from 'node:worker_threads';
import { installVirtualTime } from './install.ts';
import { SharedTime } from './shared-time.ts';

/**
 * Virtual time for all threads of this process: work takes the time that it takes, and where everybody only waits, time
 * jumps to the end of the first wait. Load it before anything else: `node --import ./rehearsal/time/main.ts`.
 */
const MAIN_THREAD = 0;
const LOOKS_EVERY_MILLISECONDS = 2;
/** So many looks in a row must find nothing at work before time jumps: bytes on their way between threads arrive. */
const QUIET_LOOKS = 3;
/** Work of a thread between two looks that is none: what the looks themselves cost. */
const NO_WORK_MILLISECONDS = 0.35;
/** Waits that end so soon after the first end with it: a little late, as on a busy machine. */
const JUMPS_BEYOND_MILLISECONDS = 20;

const machine = { setTimeout: globalThis.setTimeout };
const buffer = SharedTime.allocate();
const shared = new SharedTime(buffer);
setEnvironmentData('virtual time', buffer);
const main = installVirtualTime(shared, MAIN_THREAD);

interface WatchedThread {
  worker: Worker;
  isOnline: boolean;
  before: EventLoopUtilization;
}
const threads = new Map<number, WatchedThread>();
let skewOfNext: () => number = () => 0;

class WatchedWorker extends Worker {
  constructor(file: string | URL, options: WorkerOptions = {}) {
    const first = ['--import', new URL('./thread.ts', import.meta.url).href];
    super(file, { ...options, execArgv: [...first, ...(options.execArgv ?? [])] });
    const { threadId } = this;
    shared.setDue(threadId, undefined);
    shared.setSkew(threadId, skewOfNext());
    const watched = { worker: this, isOnline: false, before: this.performance.eventLoopUtilization() };
    threads.set(threadId, watched);
    this.once('online', () => {
      watched.isOnline = true;
    });
    this.once('exit', () => threads.delete(threadId));
  }
}
Object.assign(createRequire(import.meta.url)('node:worker_threads'), { Worker: WatchedWorker });
syncBuiltinESMExports();

/** How virtual time is steered. */
class VirtualTime {
  #held = 1;
  #busy = 0;
  #quietLooks = 0;
  #before = performance.eventLoopUtilization();

  constructor() {
    this.#look();
  }

  /** From the end of this on time jumps, until {@link hold}. It begins held, since engines take time to start. */
  release(): void {
    this.#held -= 1;
  }

  /** Time passes as on the machine until {@link release}. */
  hold(): void {
    this.#held += 1;
  }

  /** Waits for another process, whose work takes the time that it takes. */
  async busy<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      this.#quietLooks = 0;
    }
  }

  /** Says by how many milliseconds the clocks of threads to come are wrong. */
  skew(draw: () => number): void {
    skewOfNext = draw;
  }

  #look(): void {
    machine
      .setTimeout(() => {
        if (this.#held === 0) this.#jumpWhenQuiet();
        this.#look();
      }, LOOKS_EVERY_MILLISECONDS)
      .unref();
  }

  #jumpWhenQuiet(): void {
    this.#quietLooks = this.#isAtWork() ? 0 : this.#quietLooks + 1;
    if (this.#quietLooks < QUIET_LOOKS) return;
    this.#quietLooks = 0;
    const dues = [MAIN_THREAD, ...threads.keys()].flatMap((thread) => shared.dueOf(thread) ?? []);
    if (dues.length === 0) return;
    const wait = Math.min(...dues) - main.now();
    if (wait > 0) shared.jump(wait + JUMPS_BEYOND_MILLISECONDS);
  }

  #isAtWork(): boolean {
    let isAtWork = this.#busy > 0;
    const after = performance.eventLoopUtilization();
    if (performance.eventLoopUtilization(after, this.#before).active > NO_WORK_MILLISECONDS) isAtWork = true;
    this.#before = after;
    for (const thread of threads.values()) {
      const now = thread.worker.performance.eventLoopUtilization();
      const { active } = thread.worker.performance.eventLoopUtilization(now, thread.before);
      thread.before = now;
      // A thread that has not begun its loop yet has no figures of it.
      if (!thread.isOnline || now.idle === 0 || active > NO_WORK_MILLISECONDS) isAtWork = true;
    }
    return isAtWork;
  }
}

/** The time of this process and all its threads. */
export const virtualTime = new VirtualTime();
