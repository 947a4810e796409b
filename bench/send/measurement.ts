import type { ApiReport } from './measured-api.ts';

/** What one way of sending came to; seconds are the API's. */
export interface SendMeasurement {
  /** From the first state to the last. */
  seconds: number;
  /** Until the last package was accepted for the first time. */
  sentSeconds: number;
  idealSeconds: number;
  /** `seconds` to `idealSeconds`. */
  ratio: number;
  /** `sentSeconds` to `idealSeconds`: without the API's processing, which no sender can hurry. */
  sentRatio: number;
  requests: number;
  throttled: number;
  throttledShare: number;
  violations: number;
  acceptedTwice: number;
  /** Packages without a known outcome at the end. */
  unknown: number;
  transitionsPer1000: number;
  usdPer1000: number;
  /** Seconds for which a Lambda ran with no request under way, only because it was not yet time. */
  lambdaWaitSeconds: number;
  lambdaSeconds: number;
  /** False when it was stopped before its end, because it took too long. */
  finished: boolean;
}

/** What has to be counted while it runs. */
export interface Counted {
  packages: number;
  seconds: number;
  sentSeconds: number;
  idealSeconds: number;
  unknown: number;
  transitions: number;
  lambdaSeconds: number;
  lambdaCalls: number;
  lambdaGigabytes: number;
  lambdaWaitSeconds: number;
  finished: boolean;
}

/** Standard workflows, eu-central-1 (https://aws.amazon.com/step-functions/pricing/). */
const USD_PER_TRANSITION = 0.000025;
/** arm64 (https://aws.amazon.com/lambda/pricing/). */
const USD_PER_GIGABYTE_SECOND = 0.0000133334;
const USD_PER_CALL = 0.0000002;

export function measurementOf(counted: Counted, report: ApiReport): SendMeasurement {
  const { packages, seconds, sentSeconds, idealSeconds } = counted;
  const { requests } = report;
  const usd =
    counted.transitions * USD_PER_TRANSITION +
    counted.lambdaSeconds * counted.lambdaGigabytes * USD_PER_GIGABYTE_SECOND +
    counted.lambdaCalls * USD_PER_CALL;
  return {
    seconds: rounded(seconds, 1),
    sentSeconds: rounded(sentSeconds, 1),
    idealSeconds: rounded(idealSeconds, 1),
    ratio: rounded(seconds / idealSeconds, 3),
    sentRatio: rounded(sentSeconds / idealSeconds, 3),
    requests,
    throttled: report.throttled,
    throttledShare: rounded(report.throttled / Math.max(1, requests), 4),
    violations: report.violations,
    acceptedTwice: report.acceptedTwice,
    unknown: counted.unknown,
    transitionsPer1000: rounded((counted.transitions * 1000) / packages, 1),
    usdPer1000: rounded((usd * 1000) / packages, 5),
    lambdaWaitSeconds: rounded(counted.lambdaWaitSeconds, 1),
    lambdaSeconds: rounded(counted.lambdaSeconds, 1),
    finished: counted.finished,
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
