import type { PastRequests } from './history.ts';
import { limitsOf, type Quota, type QuotaLimit } from './quota.ts';

/**
 * The shortest time in milliseconds in which so many requests can leave under some windows, from an unused quota, if
 * the API answers at once: full windows of the longest kind, then what is left within the last of them, and so on.
 */
export function shortestTime(requests: number, limits: readonly QuotaLimit[]): number {
  const [longest, ...shorter] = limits.toSorted((one, other) => other.milliseconds - one.milliseconds);
  if (!longest || requests <= 0) return 0;
  const full = Math.ceil(requests / longest.requests) - 1;
  return full * longest.milliseconds + shortestTime(requests - full * longest.requests, shorter);
}

const TYPICAL_LATENCY_MILLISECONDS = 1_000;

/** What a forecast rests on. Times in milliseconds. */
export interface ForecastBasis {
  packages: number;
  quota: Quota;
  past: readonly PastRequests[];
  concurrency: number;
  /** What a request takes; a second where it was not measured. */
  latency?: number;
  now: number;
}

/** When the last of some packages will have been sent, in milliseconds since the epoch, given what has left before. */
export function forecastEnd({
  packages,
  quota,
  past,
  concurrency,
  latency = TYPICAL_LATENCY_MILLISECONDS,
  now,
}: ForecastBasis): number {
  const limits = limitsOf(quota, 'send');
  const byConcurrency = now + (packages / concurrency) * latency;
  return limits.reduce((latest, limit) => {
    const held = past.filter(({ kind, at }) => limit.kinds.includes(kind) && at + limit.milliseconds > now);
    const count = held.reduce((sum, one) => sum + one.count, 0);
    // As if what the window still holds had been sent from this quota, unused until the first of it left.
    const since = Math.min(now, ...held.map(({ at }) => at));
    const within = limits.filter(({ milliseconds }) => milliseconds <= limit.milliseconds);
    return Math.max(latest, since + shortestTime(packages + count, within) + latency);
  }, byConcurrency);
}
