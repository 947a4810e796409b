import type { SubmitOutcome } from '../invoice-api/invoice-api.ts';
import type { PackageHead } from '../packages/package.ts';

/** Once is chance, and so is twice. */
const FAILURES_FOR_A_SUSPICION = 2;
/** An outage that begins so soon after others were answered, and for one package alone, is that package. */
const ANSWERED_JUST_BEFORE_MILLISECONDS = 60_000;

/** How others fare while a package fails. */
export interface Others {
  /** When the API last answered a submission, in milliseconds since the epoch; undefined when it never did. */
  answeredAt: number | undefined;
  /** Whether no other package fails. */
  isAlone: boolean;
}

/**
 * Whether a failure is the package's own: the API has no answer for it again and again, while it answers others. Where
 * it says nothing of anybody, as in an outage, no package is to blame, however often it fails.
 * @param failures those before this one, in a row
 */
export function isSuspect(
  failures: PackageHead['turnedAway'],
  outcome: SubmitOutcome,
  { answeredAt, isAlone }: Others,
): boolean {
  if (!failures || answeredAt === undefined || failures.times < FAILURES_FOR_A_SUSPICION) return false;
  if (isOutageLike(outcome)) return answeredAt > (failures.at ?? failures.since);
  if (failures.isSuspect) return true;
  return answeredAt > failures.since - (isAlone ? ANSWERED_JUST_BEFORE_MILLISECONDS : 0);
}

/** Whether it may be that the API is not there: 403 and 429 come from one that is, and says no. */
export function isOutageLike({ kind, exchange }: SubmitOutcome): boolean {
  return kind === 'unknown' || (kind === 'throttled' && exchange.httpStatus === 503);
}
