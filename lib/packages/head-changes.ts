import { callerWords, type DecisionOfPerson } from '../interventions/intervention.ts';
import type { PackageHead, SubmissionProgress } from './package.ts';
import {
  attemptOf,
  attemptsSpent,
  FRESH_SUBMISSION,
  historyReason,
  LISTED,
  mayHaveArrived,
  toBeAsked,
  UNLEASED,
} from './submission.ts';
import type { Transition } from './transitions.ts';

const FORGOTTEN =
  'The API may have forgotten the key of an earlier request that may have arrived, so it is asked first.';

/**
 * A sender takes a package: this counts as an attempt, and from now on the API may have seen the revision.
 * @param looksUp whether the API is asked before each request, so that an earlier one is never in doubt
 */
export function leased(head: PackageHead, leaseUntil: number, looksUp: boolean, now: number): Transition {
  return {
    name: 'lease',
    change: {
      state: 'sending',
      everSent: true,
      attemptCount: head.attemptCount + 1,
      firstSentAt: head.firstSentAt ?? now,
      leaseUntil,
      dueAt: undefined,
      due: undefined,
      mayHaveArrived: !looksUp && (head.state === 'sending' || mayHaveArrived(head)),
      ...(head.missing ? { missing: { ...head.missing, sinceSent: 0 } } : {}),
    },
  };
}

/** The lease goes on, after one request of several where there is progress. */
export function held(leaseUntil: number, progress?: SubmissionProgress): Transition {
  return { name: 'hold', change: { leaseUntil, ...(progress === undefined ? {} : { progress }) } };
}

/** The request of a leased package never left, so it is as it was before it was taken. */
export function putBack(before: PackageHead): Transition {
  const { state, everSent, attemptCount, leaseUntil, firstSentAt, progress, mayHaveArrived } = before;
  return {
    name: 'putBack',
    change: { state, everSent, attemptCount, leaseUntil, firstSentAt, progress, mayHaveArrived },
  };
}

/** Its key may be forgotten: the API is asked what it holds before anything more is sent. */
export function asked(head: PackageHead, now: number): Transition {
  return { name: 'ask', change: { ...toBeAsked(head, now), remark: FORGOTTEN } };
}

const NOT_REMEMBERED =
  'Tables were restored, and the package may have been sent since the moment that they went back to: the API is asked first.';

/**
 * Tables were restored that may have held a request for it: the API is asked first, and has to say twice that it holds
 * nothing.
 * @param since the moment that the tables went back to, in milliseconds since the epoch: none that they do not know can
 * have left before
 */
export function askedAfterRestore(head: PackageHead, since: number, now: number): Transition {
  const unknown = { everSent: true, mayHaveArrived: true, firstSentAt: head.firstSentAt ?? since };
  return { name: 'ask', change: { ...toBeAsked(head, now), ...unknown, submittedAt: now, remark: NOT_REMEMBERED } };
}

/** A package of which something is missing on our side: it is not sent, and a person can mend it. */
export function obstructed(head: PackageHead, reason: string, now: number): Transition {
  return {
    name: 'obstruct',
    change: { ...UNLEASED, state: 'parked', reason },
    attempt: attemptOf(head, 'send', 'not-sent', now, undefined, reason),
  };
}

/** A package that a crashed sender left behind once too often. */
export function abandoned(head: PackageHead, now: number): Transition {
  const reason = historyReason(head, attemptsSpent(head), 'its sender ended without an outcome');
  return {
    name: 'abandon',
    change: { ...UNLEASED, state: 'parked', reason },
    attempt: attemptOf(head, 'send', 'unknown:crash', now),
  };
}

/**
 * A person wants it tried again: attempts begin anew, under the same key, since an earlier one may have arrived. Under
 * a new key only if that person knows that the API billed nothing under the old one: nothing else would keep it from
 * billing twice. What a person refused before it was ever sent is held again instead.
 */
export function released(
  head: PackageHead,
  { reason, by }: DecisionOfPerson,
  now: number,
  isNewKey = false,
): Transition {
  if (isRefused(head)) return recalled(head, { reason, by }, now);
  const key = isNewKey
    ? { ...FRESH_SUBMISSION, submission: head.submission + 1 }
    : { submission: head.submission, ...LISTED, turnedAway: undefined };
  return {
    name: 'release',
    change: { ...UNLEASED, ...key, state: 'ready', attemptCount: 0, reason: undefined },
    attempt: { ...attemptOf(head, 'release', isNewKey ? 'ready:new-key' : 'ready', now, undefined, reason), by },
  };
}

/** A person who may lets a held package be sent. */
export function approved(head: PackageHead, { reason, by }: DecisionOfPerson, now: number): Transition {
  return {
    name: 'approve',
    change: { state: 'ready', reason: undefined },
    attempt: { ...attemptOf(head, 'approve', 'ready', now, undefined, reason), by },
  };
}

/** A person who may wants a held package not to be billed as it is; another revision may be. */
export function refused(head: PackageHead, { reason, by }: DecisionOfPerson, now: number): Transition {
  return {
    name: 'refuse',
    change: { state: 'rejected', reason: `refused: ${reason} (${callerWords(by)})` },
    attempt: { ...attemptOf(head, 'refuse', 'rejected', now, undefined, reason), by },
  };
}

/** A refusal is taken back: who may approve decides anew. */
function recalled(head: PackageHead, { reason, by }: DecisionOfPerson, now: number): Transition {
  return {
    name: 'recall',
    change: { state: 'held', reason: `refused before, recalled: ${reason}` },
    attempt: { ...attemptOf(head, 'release', 'held', now, undefined, reason), by },
  };
}

/** Whether a person refused a package that was held. */
export function isRefused({ state, attempts }: PackageHead): boolean {
  return state === 'rejected' && attempts.at(-1)?.action === 'refuse';
}

/** Whether the API said no to a package, and not a person, who cannot know whether an earlier send has arrived. */
export function isRejectedByApi(head: PackageHead): boolean {
  return head.state === 'rejected' && head.attempts.at(-1)?.action !== 'give-up' && !isRefused(head);
}

/**
 * A person gives it up: it will not be sent, and not be billed, unless it is released again. A later revision may be.
 */
export function givenUp(head: PackageHead, { reason, by }: DecisionOfPerson, now: number): Transition {
  return {
    name: 'giveUp',
    change: { ...UNLEASED, state: 'rejected', reason: `given up: ${reason} (${callerWords(by)})` },
    attempt: { ...attemptOf(head, 'give-up', 'rejected', now, undefined, reason), by },
  };
}
