import type { Caller } from '../interventions/intervention.ts';
import type { PeriodId } from '../periods/periods.ts';

/**
 * `held` waits for a person's approval before it may be sent at all; `ready` waits to be sent; `sending` is leased by a
 * sender; `submitted` was accepted and is being worked on;
 * `processed` is final for the revision; `rejected` too, unless a person releases it; `parked` waits for a person.
 * An `unprocessed` answer makes it `ready` again with the next submission number.
 */
export const PACKAGE_STATES = ['held', 'ready', 'sending', 'submitted', 'processed', 'rejected', 'parked'] as const;
export type PackageState = (typeof PACKAGE_STATES)[number];

/** The states in which something remains to be done, by us or by a person: those that the `outstanding` index holds. */
export const OUTSTANDING_STATES = ['held', 'ready', 'sending', 'submitted', 'parked'] as const satisfies PackageState[];

/** One exchange with the invoice API about a package, or one decision of a person. */
export interface PackageAttempt {
  /** RFC 3339, UTC. */
  at: string;
  action: 'send' | 'check' | 'release' | 'give-up' | 'approve' | 'refuse';
  revision: number;
  submission: number;
  /** What it came to, such as `submitted`, `unknown`, `unprocessed`, `throttled`. */
  outcome: string;
  httpStatus?: number;
  latencyMilliseconds?: number;
  requestId?: string;
  reason?: string;
  /** Who decided; absent on exchanges with the API, and where an earlier version wrote the name behind the reason. */
  by?: Caller;
}

/**
 * What is known of a submission that takes several requests, small and plain JSON. Only the adapter that made it reads
 * it.
 */
export type SubmissionProgress = Readonly<Record<string, unknown>>;

/** What changes while a package makes its way. The bytes live in its documents, one a revision. */
export interface PackageHead {
  packageId: string;
  periodId: PeriodId;
  clientId: string;
  /** Packages too large for one request are cut in parts; nearly all have one. */
  part: number;
  parts: number;
  state: PackageState;
  revision: number;
  /**
   * Grows only when the invoice API itself said that it did nothing: `unprocessed`, or `rejected` and a person released
   * it. A new idempotency key.
   */
  submission: number;
  /** SHA-256 in hex over the current revision's content without revision, submission and difference. */
  contentHash: string;
  /**
   * The client's events in the period when the current revision was made; absent on what was made before this was kept.
   */
  events?: number;
  /** 0 while none has been processed. */
  lastProcessedRevision: number;
  /** The hash of the last processed revision, kept from when a later one was made. */
  lastProcessedHash?: string;
  /** The submission with which that revision was processed. */
  lastProcessedSubmission?: number;
  /**
   * True from the first time that bytes of this revision may have reached the API. Such a revision is never replaced.
   */
  everSent: boolean;
  /** Sends of this revision so far, whatever came of them. */
  attemptCount: number;
  /** The last exchanges with the API, and every decision of a person, oldest first. */
  attempts: PackageAttempt[];
  /** Milliseconds since the epoch: until then the sender that took it has it to itself. */
  leaseUntil?: number;
  /**
   * Milliseconds since the epoch: when a request of the current submission may have left first; absent on older items.
   */
  firstSentAt?: number;
  /**
   * True when an earlier request of the current submission may have arrived: it ended without a final answer. Absent on
   * older items, whose attempts tell.
   */
  mayHaveArrived?: boolean;
  /**
   * What a refusal comes to if the API turns out not to hold the submission: an earlier request of it may have arrived.
   */
  refusal?: { state: 'rejected' | 'parked'; reason: string };
  /**
   * The API did not list the current submission: how often in all, and since it was last sent; `at` in milliseconds
   * since the epoch.
   */
  missing?: { times: number; sinceSent: number; at: number };
  /** Milliseconds since the epoch: nothing is done about it before; `due` says what then. Absent: as soon as may be. */
  dueAt?: number;
  due?: 'send' | 'read';
  /**
   * The API gave it no answer that says anything of it: so often in a row, the first time and the last (milliseconds
   * since the epoch; `at` is absent where an earlier release wrote it); `isSuspect`: while it answered others.
   */
  turnedAway?: { times: number; since: number; at?: number; isSuspect?: true };
  /** What is odd about a package that goes on all the same, for a person. */
  remark?: string;
  /** How far the current submission has come, where the API takes several requests for one. */
  progress?: SubmissionProgress;
  /** Milliseconds since the epoch: when the current submission was first accepted. */
  submittedAt?: number;
  /** Why it is held, parked or rejected. */
  reason?: string;
  /** The run that made the current revision. */
  runId: string;
  /** The item's compare-and-set counter. */
  version: number;
}

/**
 * The id that a package carries everywhere: `<period>.<client>`, with `~<part>` from the second part on.
 * `~` is in no client id.
 */
export function packageIdOf(periodId: PeriodId, clientId: string, part: number): string {
  return part === 1 ? `${periodId}.${clientId}` : `${periodId}.${clientId}~${part}`;
}

/** One revision is processed at most once; within it, each submission is one request as the API sees it. */
export function idempotencyKeyOf(packageId: string, revision: number, submission: number): string {
  return `${packageId}.r${revision}.s${submission}`;
}

/** Which submission an idempotency key stands for; undefined for a key of somebody else's. */
export function submissionOfKey(
  idempotencyKey: string,
): { packageId: string; revision: number; submission: number } | undefined {
  const [, packageId, revision, submission] = /^(.+)\.r(\d+)\.s(\d+)$/s.exec(idempotencyKey) ?? [];
  if (packageId === undefined) return undefined;
  return { packageId, revision: Number(revision), submission: Number(submission) };
}
