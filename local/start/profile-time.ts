import { durationWords } from '../../cli/terminal/words.ts';
import { shortestTime } from '../../lib/quota/forecast.ts';
import { limitsOf } from '../../lib/quota/quota.ts';
import { PROFILES, type Profile, type ProfileName } from '../invoice-api-simulator/profiles.ts';
import type { Duration } from '../invoice-api-simulator/random.ts';

/** Beneath this nobody has to be told how long it takes. */
const WORTH_SAYING_MILLISECONDS = 120_000;
/** So many seconds of the simulated API pass in one with `--fast`: an hour in six seconds. */
export const FAST_TIME_SCALE = 600;

/**
 * How long a profile's API needs at least for so many packages: what its quota for sends allows, and the longest that
 * it is likely to work on one of them. Milliseconds of its own time; nothing that fails is in it.
 */
export function profileTime(name: ProfileName, packages: number): number {
  const { quota, processing, latency, concurrency }: Profile = PROFILES[name];
  const byLatency = concurrency === undefined ? 0 : (packages / concurrency) * typical(latency) * 1000;
  return Math.max(shortestTime(packages, limitsOf(quota, 'send')), byLatency) + longestOf(processing, packages) * 1000;
}

/** What to say before a profile that takes long; nothing where it does not. */
export function slownessWords(name: ProfileName, packages: number, isFast: boolean): string | undefined {
  const time = profileTime(name, packages);
  if (isFast) {
    return (
      `--fast: ${FAST_TIME_SCALE} seconds of the API pass in one, and windows of its quota that would be shorter than a ` +
      `second are left out. Profile ${name} then needs about ${durationWords(time / FAST_TIME_SCALE)} for ${packages} packages.`
    );
  }
  if (time < WORTH_SAYING_MILLISECONDS) return undefined;
  return (
    `Profile ${name} is slow on purpose, as such APIs are: ${packages} packages take at least ${durationWords(time)}. ` +
    '--fast lets its time pass faster.'
  );
}

/** Seconds that one takes in the middle. */
function typical(duration: Duration): number {
  switch (duration.kind) {
    case 'none':
      return 0;
    case 'uniform':
      return (duration.from + duration.to) / 2;
    case 'log-uniform':
      return Math.sqrt(duration.from * duration.to);
    case 'log-normal':
      return duration.median;
    case 'mixture':
      return duration.parts.reduce((sum, { share, of }) => sum + share * typical(of), 0);
  }
}

/** Seconds that the slowest of so many takes, about: of a mixture, the slowest part that one of them is likely in. */
function longestOf(duration: Duration, packages: number): number {
  switch (duration.kind) {
    case 'none':
      return 0;
    case 'uniform':
    case 'log-uniform':
      return duration.to;
    case 'log-normal':
      return duration.p99;
    case 'mixture':
      return Math.max(
        ...duration.parts.map(({ share, of }) => (share * packages >= 1 ? longestOf(of, share * packages) : 0)),
      );
  }
}
