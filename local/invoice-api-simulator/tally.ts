import type { Totals } from './books.ts';
import type { Operation } from './gate.ts';
import type { FaultRates } from './profiles.ts';

/** What a simulator has seen so far. All of it can be printed as JSON. */
export interface SimulatorReport {
  profile: string;
  seed: number;
  timeScale: number;
  requests: {
    total: number;
    byKind: Record<Operation, number>;
    /** By HTTP status; `none` for those that got no answer on purpose. */
    byStatus: Record<string, number>;
  };
  /** Requests turned away for now with 429, or with 400 by an API that throttles so; bursts are in it, 503 is not. */
  throttled: number;
  /** Requests over the quota or the concurrency cap, or within a block. */
  violations: number;
  /** The same by what they broke, such as `shared 60/60`, `concurrency`, `block`; one request may break several. */
  violationsByWindow: Record<string, number>;
  /** By how much the worst of them came too early, in milliseconds of the API's time. */
  earlyBy: number;
  /** Revisions taken under a second key while the first submission was not unprocessed or rejected. */
  acceptedTwice: number;
  /** Answers given again to a key that was known. */
  replayed: number;
  /** Keys that came with another body. */
  keysReused: number;
  /** Faults that were inflicted on requests. */
  faults: Partial<Record<keyof FaultRates, number>>;
  /** By the status of the latest submission; `lost` are those that no listing shows. */
  packages: {
    total: number;
    queued: number;
    processing: number;
    processed: number;
    unprocessed: number;
    rejected: number;
    lost: number;
  };
  /** Per period and meter, the exact sum of what was processed: the last processed revision of each package. */
  totals: Record<string, Totals>;
}

/** Counts requests and answers. */
export class Tally {
  readonly requests: SimulatorReport['requests'] = {
    total: 0,
    byKind: { submit: 0, status: 0, list: 0 },
    byStatus: {},
  };
  readonly faults: SimulatorReport['faults'] = {};
  throttled = 0;
  replayed = 0;
  keysReused = 0;

  /** A request arrived; the result is its number. */
  arrived(kind: Operation): number {
    this.requests.byKind[kind] += 1;
    this.requests.total += 1;
    return this.requests.total;
  }

  answered(status: number | 'none'): void {
    this.requests.byStatus[status] = (this.requests.byStatus[status] ?? 0) + 1;
  }

  inflicted(fault: keyof FaultRates): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }
}
