import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { type PackageHead, packageIdOf } from '../packages/package.ts';
import type { PackageRevision } from '../store/package-store.ts';
import { type ClientToPackage, lastProcessedOf, type PackagingFrame, type PlannedPackage } from './client-packages.ts';

/** A package changed between reading and writing; the task may be run again. */
export class PackageContended extends HalfmonthError {
  readonly code = 'PACKAGE_CONTENDED';
  readonly packageId: string;

  constructor(packageId: string) {
    super(`Package ${packageId} changed while its next revision was to be written. The step may be run again.`);
    this.packageId = packageId;
  }
}

/** Parts of one client that are written side by side; nearly every client has one. */
const PARTS_AT_ONCE = 8;

/**
 * Writes what was decided on a client's packages, if they are what they were when they were read.
 * @param runId the run that makes the revisions
 * @throws PackageContended when another writer was there since: it may know of later usage, so all of the client has to be read anew
 */
export async function writePackages(
  client: ClientToPackage,
  planned: readonly PlannedPackage[],
  frame: PackagingFrame,
  runId: string,
): Promise<void> {
  await pLimit(PARTS_AT_ONCE).map(planned, async (plannedPackage) => {
    if (await writePackage(client, plannedPackage, frame, runId)) return;
    throw new PackageContended(packageIdOf(frame.period.id, client.clientId, plannedPackage.part));
  });
}

async function writePackage(
  { clientId, usage }: ClientToPackage,
  planned: PlannedPackage,
  { packages, period }: PackagingFrame,
  runId: string,
): Promise<boolean> {
  const { decision, head, part, parts, contentHash, revision } = planned;
  if (decision === 'discard' && head) return packages.discard(head);
  if (decision === 'withdraw' && head) return packages.withdrawRevision(withdrawn(head), head);
  if (!revision) return true;
  const stored: PackageRevision = {
    packageId: packageIdOf(period.id, clientId, part),
    periodId: period.id,
    clientId,
    part,
    parts,
    revision: revision.number,
    contentHash,
    document: revision.document,
    runId,
    madeAt: new Date().toISOString(),
  };
  const events = usage.reduce((sum, day) => sum + day.events, 0);
  return packages.putRevision({ ...headOf(stored, head), events }, stored, head?.version);
}

/** The head of a package that is to be sent in this revision, after whatever went before. */
function headOf(revision: PackageRevision, before: PackageHead | undefined): PackageHead {
  const { packageId, periodId, clientId, part, parts, contentHash } = revision;
  const processed = before && lastProcessedOf(before);
  return {
    packageId,
    periodId,
    clientId,
    part,
    parts,
    state: 'ready',
    revision: revision.revision,
    submission: 1,
    contentHash,
    lastProcessedRevision: processed?.revision ?? 0,
    ...(processed?.contentHash === undefined ? {} : { lastProcessedHash: processed.contentHash }),
    ...(processed ? { lastProcessedSubmission: processed.submission } : {}),
    everSent: false,
    attemptCount: 0,
    attempts: before?.attempts ?? [],
    runId: revision.runId,
    version: (before?.version ?? 0) + 1,
  };
}

/** The head as it was when the revision before the unseen one had been processed. */
function withdrawn(head: PackageHead): PackageHead {
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
