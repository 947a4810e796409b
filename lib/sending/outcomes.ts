import { createHash } from 'node:crypto';
import type { Exchange, PackageReport, Stepped, SubmitOutcome } from '../invoice-api/invoice-api.ts';
import { idempotencyKeyOf, type PackageAttempt, type PackageHead } from '../packages/package.ts';
import {
  attemptOf,
  attemptsSpent,
  FRESH_SUBMISSION,
  historyReason,
  LISTED,
  mayBeForgotten,
  mayHaveArrived,
  SETTLED,
  toBeAsked,
  UNLEASED,
} from '../packages/submission.ts';
import type { HeadChange, Transition } from '../packages/transitions.ts';
import type { Unread } from './status-reader.ts';
import { isOutageLike } from './suspicion.ts';

const FIRST_UNPROCESSED_PAUSE_MILLISECONDS = 2_000;
const UNPROCESSED_PAUSE_GROWTH = 4;
const LONGEST_UNPROCESSED_PAUSE_MILLISECONDS = 900_000;

/** What an exchange comes to, before it is said whether it sent or asked. */
interface Outcome {
  change: HeadChange;
  attempt: PackageAttempt;
}

/** What an exchange comes to. */
export type ExchangeTransition = Transition & Outcome;

/** What outcomes are judged by. Times in milliseconds. */
export interface OutcomeLimits {
  attemptsLimit: number;
  processingDeadlineMilliseconds: number;
  /** A submission that is not listed is taken for missing after so long, and after twice as long each time. */
  missingAfterMilliseconds: number;
  /** How long the API remembers a key. */
  keyRetentionMilliseconds: number;
}

/** What the outcome of sending is judged by. */
export interface SendLimits extends Pick<OutcomeLimits, 'attemptsLimit' | 'processingDeadlineMilliseconds'> {
  /** Whether the API has no answer for this package while it answers others: then a failure is an attempt. */
  isSuspect?: boolean;
}

/** What sending came to, for the head as it was when it was leased. `now` is in milliseconds since the epoch. */
export function afterSending(
  head: PackageHead,
  heard: Exclude<SubmitOutcome, Stepped>,
  body: string,
  limits: SendLimits,
  now: number,
): ExchangeTransition {
  const outcome = aboutPackage(head, heard);
  return { name: 'answer', ...settled(head, outcome, body, limits, now) };
}

function settled(
  head: PackageHead,
  outcome: Exclude<SubmitOutcome, Stepped>,
  body: string,
  limits: SendLimits,
  now: number,
): Outcome {
  const attempt = (name: string, reason?: string): PackageAttempt =>
    attemptOf(head, 'send', name, now, outcome.exchange, reason);
  switch (outcome.kind) {
    case 'accepted':
      return afterAcceptance(head, outcome, attempt, limits.attemptsLimit, now);
    case 'invalid':
      return refused(head, { state: 'rejected', reason: outcome.reason }, attempt('rejected', outcome.reason), now);
    case 'key-reused': {
      const key = idempotencyKeyOf(head.packageId, head.revision, head.submission);
      const reason =
        `${outcome.reason} (Either the API holds another body under the key ${key}, or it takes ours for invalid. ` +
        `Ours: content ${head.contentHash}, body sha-256 ${createHash('sha256').update(body).digest('hex')}.)`;
      return refused(head, { state: 'parked', reason }, attempt('key-reused', outcome.reason), now);
    }
    case 'throttled':
    case 'credentials-refused': {
      // An API that says no to everybody, as long as it likes, says nothing about this package.
      const patience = isOutageLike(outcome) ? {} : { processingDeadlineMilliseconds: Number.POSITIVE_INFINITY };
      return failed(head, attempt(outcome.kind, outcome.reason), { ...limits, ...patience }, now);
    }
    case 'in-flight':
      // An earlier request is still being answered, which is no fault of the package, whatever others are answered.
      return unsure(failed(head, attempt('in-flight', outcome.reason), { ...limits, isSuspect: false }, now));
    case 'unknown':
      return unsure(failed(head, attempt(`unknown:${outcome.cause}`, outcome.reason), limits, now));
  }
}

/**
 * A failure is an attempt where the package is suspect. In an outage nobody is to blame, so failures are counted apart,
 * and end only after as many as there may be attempts, and the processing deadline: nothing goes on for ever.
 */
function failed(head: PackageHead, attempt: PackageAttempt, limits: SendLimits, now: number): Outcome {
  const { times: before = 0, since = now, isSuspect: wasSuspect } = head.turnedAway ?? {};
  const times = before + 1;
  const isSuspect = limits.isSuspect || wasSuspect ? ({ isSuspect: true } as const) : {};
  const turnedAway = { times, since, at: now, ...isSuspect };
  if (limits.isSuspect) {
    const { change, ...rest } = again(head, attempt, limits.attemptsLimit);
    return { change: { ...change, turnedAway }, ...rest };
  }
  if (times >= limits.attemptsLimit && now - since >= limits.processingDeadlineMilliseconds) {
    return parked(head, `${times} requests since ${new Date(since).toISOString()} came to nothing.`, attempt);
  }
  return { change: { ...UNLEASED, state: 'ready', attemptCount: head.attemptCount - 1, turnedAway }, attempt };
}

/** An acceptance of another package says nothing about this one. */
function aboutPackage(head: PackageHead, outcome: Exclude<SubmitOutcome, Stepped>): Exclude<SubmitOutcome, Stepped> {
  if (outcome.kind !== 'accepted' || outcome.id === head.packageId) return outcome;
  const reason = `the answer is about ${outcome.id.slice(0, 100)}, not about ${head.packageId}`;
  return { kind: 'unknown', exchange: outcome.exchange, cause: 'malformed-answer', reason };
}

/**
 * A replayed acceptance tells that the package had long arrived: it costs no attempt, and the first one's time stands.
 */
function afterAcceptance(
  head: PackageHead,
  { status, replayed }: SubmitOutcome & { kind: 'accepted' },
  attempt: (outcome: string, reason?: string) => PackageAttempt,
  attemptsLimit: number,
  now: number,
): Outcome {
  const { change, ...rest } = withStatus(head, { status }, attempt, attemptsLimit, now);
  if (change.state !== 'submitted') return { change, ...rest };
  const known = replayed ? { attemptCount: head.attemptCount - 1, submittedAt: head.submittedAt ?? now } : {};
  return {
    change: { ...change, submittedAt: now, ...known, mayHaveArrived: true, remark: undefined, turnedAway: undefined },
    ...rest,
  };
}

/**
 * Final only when no earlier request may have arrived: a proxy on the way may refuse what the API has taken long since.
 */
function refused(
  head: PackageHead,
  refusal: NonNullable<PackageHead['refusal']>,
  attempt: PackageAttempt,
  now: number,
): Outcome {
  if (!mayHaveArrived(head)) return { change: { ...UNLEASED, ...refusal }, attempt };
  const remark = `${refusal.reason} An earlier request of it may have arrived, so the API is asked first.`;
  return {
    change: { ...toBeAsked(head, now), refusal, remark },
    attempt: { ...attempt, outcome: `unsure:${attempt.outcome}` },
  };
}

function unsure({ change, attempt }: Outcome): Outcome {
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
): ExchangeTransition | undefined {
  const outcome = reported(head, report, exchange, limits, now);
  return outcome && { name: 'report', ...outcome };
}

/** What a remark begins with while no status read tells anything of a package. */
const UNREAD = 'Its status cannot be read: ';

/**
 * What a status read that told nothing of a submitted package comes to; undefined when nothing changes. After the
 * processing deadline a package waits for a person when two such answers in a row were about it alone; what is wrong
 * with all reads is only told.
 */
export function afterUnread(
  head: PackageHead,
  { reason, exchange, isOwn }: Unread,
  limits: OutcomeLimits,
  now: number,
): ExchangeTransition | undefined {
  const isOverdue = now - (head.submittedAt ?? 0) >= limits.processingDeadlineMilliseconds;
  const wasUnread = head.remark?.startsWith(UNREAD) ?? false;
  const remark = `${UNREAD}${reason}`;
  const attempt = attemptOf(head, 'check', 'unread', now, exchange, reason);
  if (isOverdue && isOwn && wasUnread) {
    const parked = { ...UNLEASED, state: 'parked', reason: `The processing deadline is over. ${remark}` } as const;
    return { name: 'report', change: parked, attempt };
  }
  const isTold = isOwn ? head.remark === remark : wasUnread || !isOverdue;
  return isTold ? undefined : { name: 'report', change: { state: 'submitted', remark }, attempt };
}

function reported(
  head: PackageHead,
  report: PackageReport | undefined,
  exchange: Exchange,
  limits: OutcomeLimits,
  now: number,
): Outcome | undefined {
  const attempt = (name: string, reason?: string): PackageAttempt =>
    attemptOf(head, 'check', name, now, exchange, reason);
  if (report === undefined) return afterMissing(head, attempt, limits, now);
  if (tellsProcessed(head, report))
    return withStatus(head, { status: 'processed' }, attempt, limits.attemptsLimit, now);
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
        return withStatus(head, report, attempt, limits.attemptsLimit, now);
      if (isOverdue) return remarked(head, 'the API is still working on it after the processing deadline', attempt);
      return head.refusal || head.missing || head.remark
        ? { change: { state: 'submitted', ...LISTED }, attempt: attempt(report.status) }
        : undefined;
  }
}

/** While the API lists a submission as under way it is never sent again: its key may have been forgotten. */
function remarked(
  head: PackageHead,
  remark: string,
  attempt: (outcome: string, reason?: string) => PackageAttempt,
): Outcome | undefined {
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
 * A listing may lag behind, so patience doubles each time. Where sending again might bill twice, since the key may have
 * been forgotten or a refusal is in doubt, the submission has to be missing twice, apart.
 */
function afterMissing(
  head: PackageHead,
  attempt: (outcome: string, reason?: string) => PackageAttempt,
  limits: OutcomeLimits,
  now: number,
): Outcome | undefined {
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

function withStatus(
  head: PackageHead,
  { status, reason }: { status: PackageReport['status']; reason?: string | undefined },
  attempt: (outcome: string, reason?: string) => PackageAttempt,
  attemptsLimit: number,
  now: number,
): Outcome {
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
      const due = tried.change.state === 'ready' ? afterPause(head.submission, now) : {};
      return { ...tried, change: { ...tried.change, ...due, ...FRESH_SUBMISSION, submission: head.submission + 1 } };
    }
  }
}

/** What kept the API from its work may last: seconds, then minutes, so that the attempts outlast more than a blip. */
function afterPause(unprocessed: number, now: number): Pick<HeadChange, 'dueAt' | 'due'> {
  const pause = FIRST_UNPROCESSED_PAUSE_MILLISECONDS * UNPROCESSED_PAUSE_GROWTH ** (unprocessed - 1);
  return { dueAt: now + Math.min(LONGEST_UNPROCESSED_PAUSE_MILLISECONDS, pause), due: 'send' };
}

/** Sent again, under the same key unless the caller says otherwise; or parked when the attempts are spent. */
function again(head: PackageHead, attempt: PackageAttempt, attemptsLimit: number): Outcome {
  if (head.attemptCount < attemptsLimit) return { change: { ...UNLEASED, state: 'ready' }, attempt };
  return parked(head, attemptsSpent(head), attempt);
}

function parked(head: PackageHead, why: string, attempt: PackageAttempt): Outcome {
  const reason = historyReason(head, why, [attempt.outcome, attempt.reason].filter(Boolean).join(': '));
  return { change: { ...UNLEASED, state: 'parked', reason }, attempt };
}
