import { shortestTime } from '../../lib/quota/forecast.ts';
import { limitsOf } from '../../lib/quota/quota.ts';
import type { SendingSettings } from '../../lib/sending/sending.ts';
import { type FaultRates, PROFILES, type ProfileName } from '../../local/invoice-api-simulator/profiles.ts';
import type { Duration } from '../../local/invoice-api-simulator/random.ts';
import type { VendorPace } from '../../local/start/vendor-access.ts';

/** How one profile is measured. */
export interface BenchProfile {
  packages: number;
  /** Where no cap is documented. */
  concurrency: number;
  requestTimeoutSeconds: number;
  pollStartSeconds: number;
}

const usually: BenchProfile = {
  packages: 2_000,
  concurrency: 20,
  requestTimeoutSeconds: 30,
  pollStartSeconds: 15,
};

/** What one request takes at a vendor, in seconds. */
export const VENDOR_LATENCY: Duration = { kind: 'uniform', from: 0.1, to: 0.5 };
export const VENDOR_TIMEOUT_MILLISECONDS = 30_000;

/** What an operator would configure for each API. */
export const BENCH_PROFILES: Record<ProfileName, BenchProfile> = {
  perfect: { ...usually, pollStartSeconds: 1, requestTimeoutSeconds: 10 },
  demo: { ...usually, pollStartSeconds: 1, requestTimeoutSeconds: 5 },
  'tenant-daily': usually,
  'per-second': { ...usually, pollStartSeconds: 2, requestTimeoutSeconds: 10 },
  'blunt-penalty': usually,
  'concurrency-erp': { ...usually, pollStartSeconds: 10 },
  clearance: usually,
  'long-tail': usually,
};

export function concurrencyOf(name: ProfileName): number {
  return PROFILES[name].concurrency ?? BENCH_PROFILES[name].concurrency;
}

export function settingsFor(name: ProfileName): SendingSettings {
  const { requestTimeoutSeconds, pollStartSeconds } = BENCH_PROFILES[name];
  return {
    quota: PROFILES[name].quota,
    maximumConcurrency: concurrencyOf(name),
    requestTimeoutMilliseconds: requestTimeoutSeconds * 1000,
    attemptsLimit: 8,
    processingDeadlineMilliseconds: 7 * 86_400_000,
    keyRetentionMilliseconds: 86_400_000,
    pollStartMilliseconds: pollStartSeconds * 1000,
    pollMaximumMilliseconds: 4 * 3_600_000,
    canary: 0,
    failureShareLimit: 1,
  };
}

/**
 * The settings of a vendor's stage for sending. An adapter that says at once what became of a package is not polled.
 */
export function settingsForVendor({ limits, maximumConcurrency, adapter }: VendorPace): SendingSettings {
  return {
    ...settingsFor('perfect'),
    quota: { send: [], status: [], shared: limits },
    maximumConcurrency,
    requestTimeoutMilliseconds: VENDOR_TIMEOUT_MILLISECONDS,
    requestsPerSubmission: adapter.facts.requestsPerSubmission,
  };
}

/**
 * The shortest time in seconds in which a vendor's API could have taken so many packages, each in as many requests as
 * the adapter needs at the least: as {@link idealSeconds}.
 */
export function idealSecondsOfVendor(packages: number, { limits, maximumConcurrency, adapter }: VendorPace): number {
  const latency = mean(VENDOR_LATENCY);
  const requests = packages * adapter.facts.requestsPerSubmission;
  const byQuota = shortestTime(requests, limitsOf({ send: [], status: [], shared: limits }, 'send')) / 1000 + latency;
  return Math.max(byQuota, (requests / maximumConcurrency) * latency);
}

/**
 * The shortest time in seconds in which an API could have taken so many packages: full windows of its quota, or all of
 * its concurrency at its mean latency, whichever is longer, and the last answer. Time-outs that the profile deals count
 * as latency; processing does not count.
 */
export function idealSeconds(name: ProfileName): number {
  const { packages, requestTimeoutSeconds } = BENCH_PROFILES[name];
  const profile = PROFILES[name];
  const faults: Partial<FaultRates> = profile.faults;
  const latency = mean(profile.latency) + (faults.timeoutAfterCommit ?? 0) * requestTimeoutSeconds;
  const byQuota = shortestTime(packages, limitsOf(profile.quota, 'send')) / 1000 + mean(profile.latency);
  return Math.max(byQuota, (packages / concurrencyOf(name)) * latency);
}

function mean(duration: Duration): number {
  switch (duration.kind) {
    case 'none':
      return 0;
    case 'uniform':
      return (duration.from + duration.to) / 2;
    case 'log-uniform':
      return (duration.to - duration.from) / Math.log(duration.to / duration.from);
    case 'log-normal': {
      const sigma = Math.log(duration.p99 / duration.median) / 2.3263;
      return duration.median * Math.exp(sigma ** 2 / 2);
    }
    case 'mixture':
      return duration.parts.reduce((sum, { share, of }) => sum + share * mean(of), 0);
  }
}
