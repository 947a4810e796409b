import type { PackageAttempt, PackageHead } from './package.ts';
import type { HeadChange } from './transitions.ts';

/** A lease is over: nothing of it stays on the head, nor of what it was due for. */
export const UNLEASED = { leaseUntil: undefined, dueAt: undefined, due: undefined } satisfies HeadChange;

/** Nothing is open about the submission any more. */
export const SETTLED = {
  progress: undefined,
  firstSentAt: undefined,
  mayHaveArrived: undefined,
  refusal: undefined,
  missing: undefined,
  remark: undefined,
  turnedAway: undefined,
} satisfies HeadChange;

/** Another submission is another key: what the one before had come to says nothing about it. */
export const FRESH_SUBMISSION = { ...SETTLED, mayHaveArrived: false, submittedAt: undefined } satisfies HeadChange;

/** The API holds the submission: whatever was feared before, it goes on there. */
export const LISTED = { refusal: undefined, missing: undefined, remark: undefined } satisfies HeadChange;

/** Outcomes that say that nothing of a request was taken. */
const NOT_ARRIVED = ['throttled', 'credentials-refused', 'rejected', 'key-reused', 'not-sent'];

/** Whether an earlier request of the current submission may have arrived. */
export function mayHaveArrived(head: PackageHead): boolean {
  return (
    head.mayHaveArrived ??
    head.attempts.some(
      ({ action, revision, submission, outcome }) =>
        action === 'send' &&
        revision === head.revision &&
        submission === head.submission &&
        !NOT_ARRIVED.includes(outcome),
    )
  );
}

/**
 * Whether the API may have forgotten the key of a submission of which it may hold a request. `now`: when the next would
 * arrive.
 */
export function mayBeForgotten(head: PackageHead, keyRetentionMilliseconds: number, now: number): boolean {
  return mayHaveArrived(head) && head.firstSentAt !== undefined && now - head.firstSentAt >= keyRetentionMilliseconds;
}

/**
 * Whether a table that was restored may not know of a request for the current submission: nothing has been heard of it
 * since.
 */
export function mayBeUnremembered({ firstSentAt, missing }: PackageHead, restoredAt: number): boolean {
  return Math.max(firstSentAt ?? 0, missing?.at ?? 0) < restoredAt;
}

/** The API is asked what it holds before anything more is sent. */
export function toBeAsked(head: PackageHead, now: number): HeadChange {
  return { ...UNLEASED, state: 'submitted', submittedAt: head.submittedAt ?? head.firstSentAt ?? now };
}

/** Says how many attempts are spent. */
export function attemptsSpent({ attemptCount }: PackageHead): string {
  return `${attemptCount} attempts are spent.`;
}

/** Why a package is parked after many tries: what each came to, in at most 2,000 characters. */
export function historyReason(head: PackageHead, why: string, last: string): string {
  const history = head.attempts
    .filter(({ outcome }) => outcome !== 'submitted')
    .map(({ outcome, reason }) => (reason ? `${outcome} (${reason})` : outcome));
  return `${why} ${[...history, last].join('; ')}`.slice(0, 2000);
}

/** One line of a package's history; `now` in milliseconds since the epoch. */
export function attemptOf(
  head: PackageHead,
  action: PackageAttempt['action'],
  outcome: string,
  now: number,
  exchange?: Pick<PackageAttempt, 'httpStatus' | 'latencyMilliseconds' | 'requestId'>,
  reason?: string,
): PackageAttempt {
  return {
    at: new Date(now).toISOString(),
    action,
    revision: head.revision,
    submission: head.submission,
    outcome,
    ...exchange,
    ...(reason ? { reason: reason.slice(0, 300) } : {}),
  };
}
