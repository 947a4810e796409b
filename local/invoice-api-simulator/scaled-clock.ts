import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The API's own clock: `timeScale` of its seconds pass in one of ours. Every window, latency, processing time and block
 * is measured on it, so all shrink alike and nothing changes places.
 */
export interface ScaledClock {
  /** Milliseconds of the API's time since the epoch; agrees with the wall clock at the start. */
  now(): number;
  /** Waits so many milliseconds of the API's time. Ends early, with false, once the clock is stopped. */
  pass(milliseconds: number): Promise<boolean>;
  /** What that many milliseconds of the API's time are on the caller's wall clock. */
  toWall(milliseconds: number): number;
  stop(): void;
}

/** A clock that runs from now on. @param timeScale so many of its milliseconds pass in one of ours */
export function startScaledClock(timeScale: number): ScaledClock {
  const wallStart = Date.now();
  const start = performance.now();
  const stopped = new AbortController();
  return {
    now: () => wallStart + (performance.now() - start) * timeScale,
    async pass(milliseconds) {
      if (milliseconds <= 0) return !stopped.signal.aborted;
      try {
        return await sleep(milliseconds / timeScale, true, { signal: stopped.signal, ref: false });
      } catch {
        return false;
      }
    },
    toWall: (milliseconds) => milliseconds / timeScale,
    stop: () => stopped.abort(),
  };
}
