import type { Worker } from 'node:worker_threads';

const MEGABYTE = 1024 * 1024;
const INTERVAL_MILLISECONDS = 100;
/** Once may be garbage that the next collection removes. */
const TIMES_OVER = 2;

/**
 * The limit that V8 gets, in megabytes. Well over the function's own: V8 ends a thread that reaches its limit, but
 * aborts the whole process where allocations are too quick for that.
 */
export function heapLimitOf(memorySize: number): number {
  return 2 * memorySize + 256;
}

/**
 * Calls back when a thread holds more memory than its function has.
 * @param memorySize in megabytes
 * @returns ends the watch
 */
export function watchMemory(worker: Worker, memorySize: number, onExceeded: () => void): () => void {
  let timesOver = 0;
  let isAsking = false;
  const timer = setInterval(async () => {
    if (isAsking) return;
    isAsking = true;
    // A thread that has just ended has no statistics any more.
    const statistics = await worker.getHeapStatistics().catch(() => undefined);
    isAsking = false;
    const used = (statistics?.used_heap_size ?? 0) + (statistics?.external_memory ?? 0);
    timesOver = used > memorySize * MEGABYTE ? timesOver + 1 : 0;
    if (timesOver === TIMES_OVER) onExceeded();
  }, INTERVAL_MILLISECONDS);
  return () => clearInterval(timer);
}
