import type { PackageHead } from './package.ts';
import type { TransitionName } from './transitions.ts';

/**
 * What a run does about one package: a change, as `transitions.ts` says what it may be, or none.
 * - `wait`: the content changed, but the outcome of the current revision, or of one in another part, is not known yet
 *   whose meters are to move here;
 * - `keep`: nothing changed; what was rejected stays so until a person releases it;
 * - `none`: nothing to bill, and nothing was ever.
 */
export type PackageDecision =
  | RevisionDecision
  | Extract<TransitionName, 'withdraw' | 'discard'>
  | 'wait'
  | 'keep'
  | 'none';

/** A change with which a revision is written. */
export type RevisionDecision = Extract<TransitionName, 'create' | 'revise' | 'replace'>;

export function isRevision(decision: PackageDecision): decision is RevisionDecision {
  return decision === 'create' || decision === 'revise' || decision === 'replace';
}

/** What a decision rests on. */
export interface DecisionBasis {
  /** The package as it stands; absent when there is none. */
  head: PackageHead | undefined;
  /** The hash of the content as it should be. */
  contentHash: string;
  /** Whether that content has no lines, in a package of one part. */
  isEmpty: boolean;
  /** The hash of the revision that was last processed; absent when none was. */
  lastProcessedHash: string | undefined;
}

/** Decides what becomes of a package. Running it again on its own result changes nothing. */
export function decide({ head, contentHash, isEmpty, lastProcessedHash }: DecisionBasis): PackageDecision {
  if (!head) return isEmpty ? 'none' : 'create';
  if (head.contentHash === contentHash) return 'keep';
  const isFinal = head.state === 'processed' || head.state === 'rejected';
  if (isFinal)
    return lastProcessedHash === contentHash ? 'keep' : rejectedForNothing(head, isEmpty) ? 'keep' : 'revise';
  if (head.everSent) return 'wait';
  if (head.revision === 1 && isEmpty) return 'discard';
  // A revision between, rejected, holds its number: going back would use the next one's key twice.
  const isRightAgain = lastProcessedHash === contentHash && head.revision === head.lastProcessedRevision + 1;
  return isRightAgain ? 'withdraw' : 'replace';
}

/** True where nothing was ever billed and nothing is left to bill. */
function rejectedForNothing(head: PackageHead, isEmpty: boolean): boolean {
  return isEmpty && head.lastProcessedRevision === 0;
}
