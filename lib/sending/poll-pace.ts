/** What one round of status reads saw. Times in milliseconds. */
export interface PollRound {
  /** Packages that are still being worked on. */
  pending: number;
  /** Packages of which the outcome became known. */
  finished: number;
  /** Since the youngest pending package was submitted. */
  youngestAge: number;
  /** Since the round before, or since the youngest package was submitted. */
  sinceLast: number;
  /** The age that packages of this run typically reach before they are finished; absent while nobody knows. */
  typicalAge?: number | undefined;
}

/** Waiting this share of a package's age costs at most as much of its processing time. */
const AGE_SHARE = 0.5;

/**
 * How long to wait before packages are asked for again, in milliseconds. While outcomes keep coming, half the time in
 * which the rest would follow at the pace seen in this run; when none comes, ever longer, in proportion to the age of the
 * youngest package: days of processing cost a few dozen reads. Packages that were sent again are first asked for when they are
 * as old as packages of this run typically become.
 */
export function nextPollWait(round: PollRound, limits: { start: number; maximum: number }): number {
  const { pending, finished, youngestAge, sinceLast, typicalAge = 0 } = round;
  const byAge = Math.max(limits.start, youngestAge * AGE_SHARE, typicalAge - youngestAge);
  const byPace = finished > 0 ? Math.max(limits.start, (0.5 * pending * sinceLast) / finished) : byAge;
  return Math.min(limits.maximum, byAge, byPace);
}
