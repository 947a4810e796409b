import type { Quota, QuotaWindow } from '../../lib/quota/quota.ts';
import type { Duration } from './random.ts';

/**
 * How a request over the quota is answered. `penalty` blocks for a minute, and each call in that minute begins it anew;
 * `doubling` blocks for 30 s, then 60 s and so on until a request finds quota again; `retry-after-or-400` asks for 120
 * s in one of two ways.
 */
export type ThrottleAnswer = 'retry-after' | 'bare' | 'penalty' | 'retry-after-or-400' | 'doubling';

/** Shares from 0 to 1. Those of requests are drawn for each attempt, those of packages once for each submission. */
export interface FaultRates {
  /** The submission is taken, and no answer comes. */
  timeoutAfterCommit: number;
  /** 500; in half of the cases the submission was taken. */
  serverError: number;
  /** 503, nothing taken; with Retry-After in half of the cases. */
  unavailable: number;
  /** 409 although nothing is in flight. */
  conflict: number;
  /** Of each 10 s, this share begins with 2 s in which everything is answered 429. */
  throttleBurst: number;
  /** The connection breaks; in half of the cases the submission was taken. */
  connectionReset: number;
  /** The answer's head comes at once and its body never to its end; the submission was taken. */
  slowBody: number;
  /** The answer is cut JSON; the submission was taken. */
  malformedJson: number;
  /** 400 for this revision, always. */
  invalid: number;
  /** Settles as `unprocessed`. */
  unprocessed: number;
  /** Settles as `rejected`, in twice the time. */
  lateRejection: number;
  /** Settles as `rejected` with the reason that such a document exists. */
  duplicateRejection: number;
  /** Stays `processing` until it is sent again. */
  stuckProcessing: number;
  /** Accepted, and not to be found until it is sent again. */
  lostStatus: number;
  /** Listed twice in one answer. */
  duplicateIds: number;
}

export interface Profile {
  quota: Quota;
  /** Requests at one time; undefined for no cap. */
  concurrency: number | undefined;
  /** From a request's arrival to its answer, for submissions and status reads alike. */
  latency: Duration;
  /** From acceptance to the final status. */
  processing: Duration;
  throttleAnswer: ThrottleAnswer;
  faults: Partial<FaultRates>;
  /** Only a revision's first submission may end `unprocessed`. */
  unprocessedOnce?: boolean;
}

export const NO_FAULTS: Readonly<FaultRates> = {
  timeoutAfterCommit: 0,
  serverError: 0,
  unavailable: 0,
  conflict: 0,
  throttleBurst: 0,
  connectionReset: 0,
  slowBody: 0,
  malformedJson: 0,
  invalid: 0,
  unprocessed: 0,
  lateRejection: 0,
  duplicateRejection: 0,
  stuckProcessing: 0,
  lostStatus: 0,
  duplicateIds: 0,
};

const HOUR = 3600;
const DAY = 24 * HOUR;
const quota = (windows: Partial<Quota>): Quota => ({ send: [], status: [], shared: [], ...windows });
const per = (requests: number, seconds: number): QuotaWindow => ({ requests, seconds });

/**
 * Faces of real invoice APIs: quotas and throttled answers are published facts of the kinds of API named in
 * `docs/invoice-api.md`; latencies, processing times and failure rates nobody publishes, and are assumptions.
 */
export const PROFILES = {
  /** For measuring ourselves. */
  perfect: {
    quota: quota({}),
    concurrency: undefined,
    latency: { kind: 'none' },
    processing: { kind: 'none' },
    throttleAnswer: 'retry-after',
    faults: {},
  },
  /** For people in a hurry. */
  demo: {
    quota: quota({ shared: [per(50, 1)] }),
    concurrency: 10,
    latency: { kind: 'uniform', from: 0.02, to: 0.2 },
    processing: { kind: 'uniform', from: 1, to: 3 },
    throttleAnswer: 'retry-after',
    faults: { unprocessed: 0.03, unavailable: 0.01, timeoutAfterCommit: 0.005 },
    unprocessedOnce: true,
  },
  /** An accounting system with a daily allowance. */
  'tenant-daily': {
    quota: quota({ shared: [per(60, 60), per(5_000, DAY)] }),
    concurrency: 5,
    latency: { kind: 'log-normal', median: 0.6, p99: 8 },
    processing: { kind: 'none' },
    throttleAnswer: 'retry-after',
    faults: { invalid: 0.02, serverError: 0.005, timeoutAfterCommit: 0.003 },
  },
  /** A payment platform: fast, bare answers, locks. */
  'per-second': {
    quota: quota({ send: [per(25, 1)], shared: [per(100, 1)] }),
    concurrency: 20,
    latency: { kind: 'log-normal', median: 0.25, p99: 2 },
    processing: { kind: 'uniform', from: 1, to: 30 },
    throttleAnswer: 'bare',
    faults: { invalid: 0.01, conflict: 0.005, serverError: 0.003 },
  },
  /** A caller that calls too often is shut out, and for longer the more it calls. */
  'blunt-penalty': {
    quota: quota({ shared: [per(500, 60), per(10, 1)] }),
    concurrency: 10,
    latency: { kind: 'log-normal', median: 1, p99: 15 },
    processing: { kind: 'none' },
    throttleAnswer: 'penalty',
    faults: { invalid: 0.03, timeoutAfterCommit: 0.01 },
  },
  /** An ERP that counts nothing but requests at one time, and works in jobs. */
  'concurrency-erp': {
    quota: quota({}),
    concurrency: 5,
    latency: { kind: 'log-normal', median: 0.1, p99: 0.15 },
    processing: { kind: 'log-uniform', from: 5, to: 600 },
    throttleAnswer: 'retry-after-or-400',
    faults: { unprocessed: 0.02 },
  },
  /** A tax authority's clearance system: three windows at once, each kind its own. */
  clearance: {
    quota: quota({
      send: [per(10, 1), per(30, 60), per(180, HOUR)],
      status: [per(30, 1), per(120, 60), per(1_200, HOUR)],
    }),
    concurrency: undefined,
    latency: { kind: 'log-normal', median: 0.4, p99: 3 },
    processing: { kind: 'log-uniform', from: 5, to: 300 },
    throttleAnswer: 'doubling',
    faults: { lateRejection: 0.02, duplicateRejection: 0.005, unprocessed: 0.005 },
  },
  /** An exchange gateway: mostly a minute, sometimes hours, seldom days. */
  'long-tail': {
    quota: quota({ status: [per(60, 60)], shared: [per(100, 1), per(2_000, 60), per(100_000, DAY)] }),
    concurrency: undefined,
    latency: { kind: 'log-normal', median: 0.3, p99: 2 },
    processing: {
      kind: 'mixture',
      parts: [
        { share: 0.945, of: { kind: 'log-normal', median: 60, p99: 600 } },
        { share: 0.05, of: { kind: 'uniform', from: HOUR, to: 8 * HOUR } },
        { share: 0.005, of: { kind: 'uniform', from: DAY, to: 3 * DAY } },
      ],
    },
    throttleAnswer: 'retry-after',
    faults: { lateRejection: 0.02, unprocessed: 0.01 },
  },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;

export const PROFILE_NAMES = Object.keys(PROFILES);

/** True for the name of a profile. */
export function isProfileName(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

/**
 * Windows written as `requests/seconds`, such as `60/60,5000/86400`; `none` is no window.
 * @throws RangeError when the text has another form
 */
export function windowsOf(text: string): QuotaWindow[] {
  if (text === 'none') return [];
  return text.split(',').map((part) => {
    const [, requests, seconds] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(part.trim()) ?? [];
    if (!requests || !seconds)
      throw new RangeError(`"${part}" is no quota window; write requests/seconds, as in 60/60`);
    return per(Number(requests), Number(seconds));
  });
}
