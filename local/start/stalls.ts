import { monitorEventLoopDelay } from 'node:perf_hooks';

const NANOSECONDS_PER_MILLISECOND = 1e6;
const RESOLUTION_MILLISECONDS = 10;

/** Measures how long this process was held up at the most: so much later than it came, it may have seen a request. */
export interface StallWatch {
  /** Milliseconds. */
  longest(): number;
  stop(): void;
}

/** Begins to measure. The simulator lives in this process, so what holds it up holds up its clock of arrivals. */
export function watchStalls(): StallWatch {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MILLISECONDS });
  delay.enable();
  return {
    longest: () => delay.max / NANOSECONDS_PER_MILLISECOND,
    stop: () => delay.disable(),
  };
}
