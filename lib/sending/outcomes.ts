import { createHash } from 'node:crypto';
import type { Exchange, PackageReport, Stepped, SubmitOutcome } from '../invoice-api/invoice-api.ts';
import { idempotencyKeyOf, type PackageAttempt, type PackageHead } from '../packages/package.ts';
import type { HeadChange } from '../store/package-store.ts';

/** A change of a head, and the attempt that its history gets. */
export interface Transition {
  change: HeadChange;
  attempt: PackageAttempt;
}

/** A lease is over: nothing of it stays on the head. */
const UNLEASED = { leaseUntil: undefined } satisfies HeadChange;

/** Another submission is another key: what the one before had come to says nothing about it. */
const FRESH_SUBMISSION = { progress: undefined, firstSentAt: undefined } satisfies HeadChange;

/** What sending came to, for the head as it was when it was leased. `now` is in milliseconds since the epoch. */
export function afterSending(
  head: PackageHead,
  outcome: Exclude<SubmitOutcome, Stepped>,
  body: string,
  attemptsLimit: number,
  now: number,
): Transition {
  const attempt = (name: string, reason?: string): PackageAttempt =>
    attemptOf(head, 'send', name, now, outcome.exchange, reason);
  switch (outcome.kind) {
    case 'accepted':
      return withStatus(head, { status: outcome.status }, attempt, attemptsLimit, now);
    case 'invalid':
      return {
        change: { ...UNLEASED, state: 'rejected', reason: outcome.reason },
        attempt: attempt('rejected', outcome.reason),
      };
    case 'key-reused': {
      const reason =
        `The API holds another body under the key ${idempotencyKeyOf(head.packageId, head.revision, head.submission)}. ` +
        `Ours: content ${head.contentHash}, body sha-256 ${createHash('sha256').update(body).digest('hex')}. ` +
        `The API: ${outcome.reason}`;
      return { change: { ...UNLEASED, state: 'parked', reason }, attempt: attempt('key-reused', outcome.reason) };
    }
    case 'throttled':
    case 'credentials-refused': {
      // The API did no work on it, so it does not count against the limit.
      const change = { ...UNLEASED, state: 'ready', attemptCount: head.attemptCount - 1 } as const;
      return { change, attempt: attempt(outcome.kind, outcome.reason) };
    }
    case 'in-flight':
      return again(head, attempt('in-flight', outcome.reason), attemptsLimit);
    case 'unknown':
      return again(head, attempt(`unknown:${outcome.cause}`, outcome.reason), attemptsLimit);
  }
}

/** What a status read says of a package that is submitted; undefined when nothing changes. */
export function afterStatus(
  head: PackageHead,
  report: PackageReport | undefined,
  exchange: Exchange,
  limits: { attemptsLimit: number; processingDeadlineMilliseconds: number; missingAfterMilliseconds: number },
  now: number,
): Transition | undefined {
  const attempt = (name: string, reason?: string): PackageAttempt =>
    attemptOf(head, 'check', name, now, exchange, reason);
  const age = now - (head.submittedAt ?? 0);
  const isOfAnother =
    report !== undefined &&
    ((report.revision ?? head.revision) !== head.revision ||
      (report.submission ?? head.submission) !== head.submission);
  if (report === undefined || isOfAnother) {
    if (age < limits.missingAfterMilliseconds) return undefined;
    return again(head, attempt('missing', 'the API does not list this submission'), limits.attemptsLimit);
  }
  if (report.status === 'queued' || report.status === 'processing') {
    if (age < limits.processingDeadlineMilliseconds) return undefined;
    const reason = `still ${report.status} after ${Math.round(age / 1000)} s`;
    return again(head, attempt('overdue', reason), limits.attemptsLimit);
  }
  return withStatus(head, report, attempt, limits.attemptsLimit, now);
}

/** A package of which something is missing on our side: it is not sent, and a person can mend it. */
export function obstructed(head: PackageHead, reason: string, now: number): Transition {
  return {
    change: { ...UNLEASED, state: 'parked', reason },
    attempt: attemptOf(head, 'send', 'not-sent', now, undefined, reason),
  };
}

/** A package that a crashed sender left behind once too often. */
export function abandoned(head: PackageHead, now: number): Transition {
  return {
    change: { ...UNLEASED, state: 'parked', reason: spentReason(head, 'its sender ended without an outcome') },
    attempt: attemptOf(head, 'send', 'unknown:crash', now),
  };
}

/**
 * A person wants it tried again: attempts begin anew, under the same key, since an earlier one may have arrived. Only what the API
 * itself rejected gets a new key: it said that it billed nothing, and under the old one would answer as before.
 */
export function released(head: PackageHead, reason: string, now: number): Transition {
  const key = isRejectedByApi(head)
    ? { ...FRESH_SUBMISSION, submission: head.submission + 1 }
    : { submission: head.submission };
  return {
    change: { ...UNLEASED, ...key, state: 'ready', attemptCount: 0, reason: undefined },
    attempt: attemptOf(head, 'release', 'ready', now, undefined, reason),
  };
}

/** Whether the API said no to a package, and not a person, who cannot know whether an earlier send has arrived. */
export function isRejectedByApi({ state, attempts }: PackageHead): boolean {
  return state === 'rejected' && attempts.at(-1)?.action !== 'give-up';
}

/** A person gives it up: it will not be sent, and not be billed, unless it is released again. A later revision may be. */
export function givenUp(head: PackageHead, reason: string, now: number): Transition {
  return {
    change: { ...UNLEASED, state: 'rejected', reason: `given up: ${reason}` },
    attempt: attemptOf(head, 'give-up', 'rejected', now, undefined, reason),
  };
}

function withStatus(
  head: PackageHead,
  { status, reason }: { status: PackageReport['status']; reason?: string | undefined },
  attempt: (outcome: string, reason?: string) => PackageAttempt,
  attemptsLimit: number,
  now: number,
): Transition {
  switch (status) {
    case 'queued':
    case 'processing':
      return { change: { ...UNLEASED, state: 'submitted', submittedAt: now }, attempt: attempt('submitted') };
    case 'processed':
      return {
        change: {
          ...UNLEASED,
          ...FRESH_SUBMISSION,
          state: 'processed',
          lastProcessedRevision: head.revision,
          reason: undefined,
        },
        attempt: attempt('processed'),
      };
    case 'rejected':
      return {
        change: { ...UNLEASED, state: 'rejected', reason: reason ?? 'the API gave no reason' },
        attempt: attempt('rejected', reason),
      };
    case 'unprocessed': {
      const tried = again(head, attempt('unprocessed', reason), attemptsLimit);
      // The API itself says it did nothing, so a new key is safe, and needed: the old one would be answered as before.
      return { ...tried, change: { ...tried.change, ...FRESH_SUBMISSION, submission: head.submission + 1 } };
    }
  }
}

/** Sent again, under the same key unless the caller says otherwise; or parked when the attempts are spent. */
function again(head: PackageHead, attempt: PackageAttempt, attemptsLimit: number): Transition {
  if (head.attemptCount < attemptsLimit) return { change: { ...UNLEASED, state: 'ready' }, attempt };
  const reason = spentReason(head, [attempt.outcome, attempt.reason].filter(Boolean).join(': '));
  return { change: { ...UNLEASED, state: 'parked', reason }, attempt };
}

function spentReason(head: PackageHead, last: string): string {
  const history = head.attempts
    .filter(({ outcome }) => outcome !== 'submitted')
    .map(({ outcome, reason }) => (reason ? `${outcome} (${reason})` : outcome));
  return `${head.attemptCount} attempts are spent. ${[...history, last].join('; ')}`.slice(0, 2000);
}

function attemptOf(
  head: PackageHead,
  action: PackageAttempt['action'],
  outcome: string,
  now: number,
  exchange?: Exchange,
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
