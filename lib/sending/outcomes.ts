import { createHash } from 'node:crypto';
import type { Exchange, PackageReport, Stepped, SubmitOutcome } from '../invoice-api/invoice-api.ts';
import { idempotencyKeyOf, type PackageAttempt, type PackageHead } from '../packages/package.ts';
import type { HeadChange } from '../store/package-store.ts';

/** A change of a head, and the attempt that its history gets. */
export interface Transition {
  change: HeadChange;
  attempt: PackageAttempt;
}

/** A lease is over: nothing of it stays on the head, nor of what it was due for. */
const UNLEASED = { leaseUntil: undefined, dueAt: undefined, due: undefined } satisfies HeadChange;

/** Nothing is open about the submission any more. */
const SETTLED = {
  progress: undefined,
  firstSentAt: undefined,
  mayHaveArrived: undefined,
  refusal: undefined,
  missing: undefined,
  remark: undefined,
  turnedAway: undefined,
} satisfies HeadChange;

/** Another submission is another key: what the one before had come to says nothing about it. */
const FRESH_SUBMISSION = { ...SETTLED, mayHaveArrived: false, submittedAt: undefined } satisfies HeadChange;

/** What outcomes are judged by. Times in milliseconds. */
export interface OutcomeLimits {
  attemptsLimit: number;
  processingDeadlineMilliseconds: number;
  /** A submission that is not listed is taken for missing after so long, and after twice as long each time. */
  missingAfterMilliseconds: number;
  /** How long the API remembers a key. */
  keyRetentionMilliseconds: number;
}

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

/** Whether the API may have forgotten the key of a submission of which it may hold a request. `now`: when the next would arrive. */
export function mayBeForgotten(head: PackageHead, keyRetentionMilliseconds: number, now: number): boolean {
  return mayHaveArrived(head) && head.firstSentAt !== undefined && now - head.firstSentAt >= keyRetentionMilliseconds;
}

/** The API is asked what it holds before anything more is sent. */
export function asked(head: PackageHead, now: number): HeadChange {
  return { ...UNLEASED, state: 'submitted', submittedAt: head.submittedAt ?? head.firstSentAt ?? now };
}

/**
 * What sending came to, for the head as it was when it was leased. `now` is in milliseconds since the epoch.
 * @param limits.isSuspect whether the API turns away this package while it answers others: then being turned away is an attempt
 */
export function afterSending(
  head: PackageHead,
  heard: Exclude<SubmitOutcome, Stepped>,
  body: string,
  { attemptsLimit, isSuspect = false }: { attemptsLimit: number; isSuspect?: boolean },
  now: number,
): Transition {
  const outcome = aboutPackage(head, heard);
  const attempt = (name: string, reason?: string): PackageAttempt =>
    attemptOf(head, 'send', name, now, outcome.exchange, reason);
  switch (outcome.kind) {
    case 'accepted':
      return afterAcceptance(head, outcome, attempt, attemptsLimit, now);
    case 'invalid':
      return refused(head, { state: 'rejected', reason: outcome.reason }, attempt('rejected', outcome.reason), now);
    case 'key-reused': {
      const reason =
        `The API holds another body under the key ${idempotencyKeyOf(head.packageId, head.revision, head.submission)}. ` +
        `Ours: content ${head.contentHash}, body sha-256 ${createHash('sha256').update(body).digest('hex')}. ` +
        `The API: ${outcome.reason}`;
      return refused(head, { state: 'parked', reason }, attempt('key-reused', outcome.reason), now);
    }
    case 'throttled':
    case 'credentials-refused': {
      const { times = 0, since = now } = head.turnedAway ?? {};
      const turnedAway = { times: times + 1, since };
      if (isSuspect) {
        const { change, ...rest } = again(head, attempt(outcome.kind, outcome.reason), attemptsLimit);
        return { change: { ...change, turnedAway: { ...turnedAway, isSuspect: true } }, ...rest };
      }
      // The API did no work on it, so it does not count against the limit.
      const change = { ...UNLEASED, state: 'ready', attemptCount: head.attemptCount - 1, turnedAway } as const;
      return { change, attempt: attempt(outcome.kind, outcome.reason) };
    }
    case 'in-flight':
      return unsure(again(head, attempt('in-flight', outcome.reason), attemptsLimit));
    case 'unknown':
      return unsure(again(head, attempt(`unknown:${outcome.cause}`, outcome.reason), attemptsLimit));
  }
}

/** An acceptance of another package says nothing about this one. */
function aboutPackage(head: PackageHead, outcome: Exclude<SubmitOutcome, Stepped>): Exclude<SubmitOutcome, Stepped> {
  if (outcome.kind !== 'accepted' || outcome.id === head.packageId) return outcome;
  const reason = `the answer is about ${outcome.id.slice(0, 100)}, not about ${head.packageId}`;
  return { kind: 'unknown', exchange: outcome.exchange, cause: 'malformed-answer', reason };
}

/** A replayed acceptance tells that the package had long arrived: it costs no attempt, and the first one's time stands. */
function afterAcceptance(
  head: PackageHead,
  { status, replayed }: SubmitOutcome & { kind: 'accepted' },
  attempt: (outcome: string, reason?: string) => PackageAttempt,
  attemptsLimit: number,
  now: number,
): Transition {
  const { change, ...rest } = withStatus(head, { status }, attempt, attemptsLimit);
  if (change.state !== 'submitted') return { change, ...rest };
  const known = replayed ? { attemptCount: head.attemptCount - 1, submittedAt: head.submittedAt ?? now } : {};
  return {
    change: { ...change, submittedAt: now, ...known, mayHaveArrived: true, remark: undefined, turnedAway: undefined },
    ...rest,
  };
}

/** Final only when no earlier request may have arrived: a proxy on the way may refuse what the API has taken long since. */
function refused(
  head: PackageHead,
  refusal: NonNullable<PackageHead['refusal']>,
  attempt: PackageAttempt,
  now: number,
): Transition {
  if (!mayHaveArrived(head)) return { change: { ...UNLEASED, ...refusal }, attempt };
  const remark = `${refusal.reason} An earlier request of it may have arrived, so the API is asked first.`;
  return {
    change: { ...asked(head, now), refusal, remark },
    attempt: { ...attempt, outcome: `unsure:${attempt.outcome}` },
  };
}

function unsure({ change, attempt }: Transition): Transition {
  return { change: { ...change, mayHaveArrived: true }, attempt };
}

/**
 * What a status read says of a package that is submitted; undefined when nothing changes.
 * @param report absent when the API, asked for all it holds of the package, does not list it
 */
export function afterStatus(
  head: PackageHead,
  report: PackageReport | undefined,
  exchange: Exchange,
  limits: OutcomeLimits,
  now: number,
): Transition | undefined {
  const attempt = (name: string, reason?: string): PackageAttempt =>
    attemptOf(head, 'check', name, now, exchange, reason);
  if (report === undefined) return afterMissing(head, attempt, limits, now);
  if (tellsProcessed(head, report)) return withStatus(head, { status: 'processed' }, attempt, limits.attemptsLimit);
  const isOverdue = now - (head.submittedAt ?? 0) >= limits.processingDeadlineMilliseconds;
  switch (subjectOf(head, report)) {
    case 'another':
      return afterMissing(head, attempt, limits, now);
    case 'unnamed': {
      const reason = `the API says ${report.status}, but not of which submission`;
      if (!isOverdue) return remarked(head, reason, attempt);
      const remark = `${reason}, and the processing deadline is over`;
      return { change: { ...UNLEASED, state: 'parked', reason: remark }, attempt: attempt('unnamed', remark) };
    }
    case 'this':
      if (report.status !== 'queued' && report.status !== 'processing')
        return withStatus(head, report, attempt, limits.attemptsLimit);
      if (isOverdue) return remarked(head, 'the API is still working on it after the processing deadline', attempt);
      return head.refusal || head.missing || head.remark
        ? { change: { state: 'submitted', ...LISTED }, attempt: attempt(report.status) }
        : undefined;
  }
}

/** The API holds the submission: whatever was feared before, it goes on there. */
const LISTED = { refusal: undefined, missing: undefined, remark: undefined } satisfies HeadChange;

/** While the API lists a submission as under way it is never sent again: its key may have been forgotten. */
function remarked(
  head: PackageHead,
  remark: string,
  attempt: (outcome: string, reason?: string) => PackageAttempt,
): Transition | undefined {
  if (head.remark === remark && !head.refusal && !head.missing) return undefined;
  return { change: { state: 'submitted', ...LISTED, remark }, attempt: attempt('remarked', remark) };
}

/** A revision is processed at most once, whichever of its submissions it was. */
function tellsProcessed(head: PackageHead, { status, revision, processedRevision }: PackageReport): boolean {
  if (processedRevision === head.revision) return true;
  // Before the first revision there was nothing that it could be about.
  return status === 'processed' && (revision ?? (head.revision === 1 ? 1 : undefined)) === head.revision;
}

/** Which submission a status is about. One that names none is about ours only when there has been no other. */
function subjectOf(head: PackageHead, { revision, submission }: PackageReport): 'this' | 'another' | 'unnamed' {
  if ((revision ?? head.revision) !== head.revision || (submission ?? head.submission) !== head.submission)
    return 'another';
  const isNamed = submission !== undefined || head.submission === 1;
  return isNamed && (revision !== undefined || head.revision === 1) ? 'this' : 'unnamed';
}

/**
 * A listing may lag behind, so patience doubles each time. Where sending again might bill twice, since the key may have been
 * forgotten or a refusal is in doubt, the submission has to be missing twice, apart.
 */
function afterMissing(
  head: PackageHead,
  attempt: (outcome: string, reason?: string) => PackageAttempt,
  limits: OutcomeLimits,
  now: number,
): Transition | undefined {
  const { times, sinceSent, at } = head.missing ?? { times: 0, sinceSent: 0, at: 0 };
  const since = Math.max(at, head.submittedAt ?? 0);
  if (now - since < limits.missingAfterMilliseconds * 2 ** times) return undefined;
  const missing = { times: times + 1, sinceSent: sinceSent + 1, at: now };
  const said = attempt('missing', 'the API does not list this submission');
  const isForgotten = mayBeForgotten(head, limits.keyRetentionMilliseconds, now);
  if (!head.refusal && !isForgotten) {
    const { change, ...rest } = again(head, said, limits.attemptsLimit);
    return { change: { ...change, missing }, ...rest };
  }
  if (missing.sinceSent < 2) return { change: { state: 'submitted', missing }, attempt: said };
  // The API holds nothing of it: the refusal stands, or it may be sent as if for the first time.
  const nothingArrived = { ...LISTED, missing, mayHaveArrived: false, firstSentAt: undefined, progress: undefined };
  if (head.refusal) return { change: { ...UNLEASED, ...nothingArrived, ...head.refusal }, attempt: said };
  const { change, ...rest } = again(head, said, limits.attemptsLimit);
  return { change: { ...change, ...nothingArrived }, ...rest };
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
 * A person wants it tried again: attempts begin anew, under the same key, since an earlier one may have arrived. Under a new key only
 * if that person knows that the API billed nothing under the old one: nothing else would keep it from billing twice.
 */
export function released(head: PackageHead, reason: string, now: number, isNewKey = false): Transition {
  const key = isNewKey
    ? { ...FRESH_SUBMISSION, submission: head.submission + 1 }
    : { submission: head.submission, ...LISTED, turnedAway: undefined };
  return {
    change: { ...UNLEASED, ...key, state: 'ready', attemptCount: 0, reason: undefined },
    attempt: attemptOf(head, 'release', isNewKey ? 'ready:new-key' : 'ready', now, undefined, reason),
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
): Transition {
  switch (status) {
    case 'queued':
    case 'processing':
      return { change: { ...UNLEASED, state: 'submitted' }, attempt: attempt('submitted') };
    case 'processed':
      return {
        change: {
          ...UNLEASED,
          ...SETTLED,
          state: 'processed',
          lastProcessedRevision: head.revision,
          reason: undefined,
        },
        attempt: attempt('processed'),
      };
    case 'rejected':
      return {
        change: { ...UNLEASED, ...LISTED, state: 'rejected', reason: reason ?? 'the API gave no reason' },
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
