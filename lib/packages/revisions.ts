import type { RevisionDecision } from './decision.ts';
import type { PackageHead } from './package.ts';
import { assertLegal } from './transitions.ts';

/** The revision of a package that was last processed. */
export interface LastProcessed {
  revision: number;
  contentHash: string | undefined;
  submission: number;
}

/** What a new revision says of its package. */
export type RevisedPackage = Pick<
  PackageHead,
  'packageId' | 'periodId' | 'clientId' | 'part' | 'parts' | 'revision' | 'contentHash' | 'runId'
> & { events: number };

/** The revision of a package that was last processed, if one was. */
export function lastProcessedOf(head: PackageHead): LastProcessed | undefined {
  if (head.state === 'processed') {
    return { revision: head.revision, contentHash: head.contentHash, submission: head.submission };
  }
  if (head.lastProcessedRevision === 0) return undefined;
  return {
    revision: head.lastProcessedRevision,
    contentHash: head.lastProcessedHash,
    submission: head.lastProcessedSubmission ?? 1,
  };
}

/**
 * The head of a package that is to be sent in this revision, after whatever went before.
 * @param heldBecause why a person has to approve it first; absent where nobody has to
 * @throws IllegalTransition
 */
export function revisedHead(
  name: RevisionDecision,
  revised: RevisedPackage,
  before: PackageHead | undefined,
  heldBecause?: string,
): PackageHead {
  const state = heldBecause === undefined ? 'ready' : 'held';
  assertLegal(name, before, state, revised.packageId);
  const processed = before && lastProcessedOf(before);
  const { packageId, periodId, clientId, part, parts, revision, contentHash, runId, events } = revised;
  return {
    packageId,
    periodId,
    clientId,
    part,
    parts,
    state,
    ...(heldBecause === undefined ? {} : { reason: heldBecause }),
    revision,
    submission: 1,
    contentHash,
    events,
    lastProcessedRevision: processed?.revision ?? 0,
    ...(processed?.contentHash === undefined ? {} : { lastProcessedHash: processed.contentHash }),
    ...(processed ? { lastProcessedSubmission: processed.submission } : {}),
    everSent: false,
    attemptCount: 0,
    attempts: before?.attempts ?? [],
    runId,
    version: (before?.version ?? 0) + 1,
  };
}

/** The head as it was when the revision before the unseen one had been processed. @throws IllegalTransition */
export function withdrawnHead(head: PackageHead): PackageHead {
  assertLegal('withdraw', head, 'processed', head.packageId);
  const { lastProcessedHash, lastProcessedSubmission, reason: _reason, leaseUntil: _leaseUntil, ...rest } = head;
  return {
    ...rest,
    state: 'processed',
    revision: head.lastProcessedRevision,
    submission: lastProcessedSubmission ?? 1,
    contentHash: lastProcessedHash ?? head.contentHash,
    everSent: true,
    version: head.version + 1,
  };
}
