import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { type PackageHead, packageIdOf } from '../packages/package.ts';
import type { PackageRevision } from '../store/package-store.ts';
import {
  type ClientToPackage,
  lastProcessedOf,
  type PackagingFrame,
  type PlannedPackage,
  planPackages,
} from './client-packages.ts';

/** A package changed again and again while it was to be written; the task may be run again. */
export class PackageContended extends HalfmonthError {
  readonly code = 'PACKAGE_CONTENDED';
  readonly packageId: string;

  constructor(packageId: string) {
    super(`Package ${packageId} kept changing while its next revision was to be written. The step may be run again.`);
    this.packageId = packageId;
  }
}

const TRIES = 5;

/**
 * Writes what was decided on a client's packages. Where a package has changed since it was read, all of the client's are read
 * and decided on again.
 * @param runId the run that makes the revisions
 * @returns what was decided in the end
 * @throws PackageContended
 */
export async function writePackages(
  client: ClientToPackage,
  planned: readonly PlannedPackage[],
  frame: PackagingFrame,
  runId: string,
): Promise<readonly PlannedPackage[]> {
  let current = planned;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const contended = await firstContended(client, current, frame, runId);
    if (!contended) return current;
    const heads = await currentHeads(client, current, frame);
    current = await planPackages({ ...client, heads }, frame);
  }
  throw new PackageContended(packageIdOf(frame.period.id, client.clientId, 1));
}

async function firstContended(
  client: ClientToPackage,
  planned: readonly PlannedPackage[],
  frame: PackagingFrame,
  runId: string,
): Promise<PlannedPackage | undefined> {
  for (const plannedPackage of planned) {
    if (!(await writePackage(client, plannedPackage, frame, runId))) return plannedPackage;
  }
  return undefined;
}

async function currentHeads(
  { clientId }: ClientToPackage,
  planned: readonly PlannedPackage[],
  { packages, period }: PackagingFrame,
): Promise<PackageHead[]> {
  const heads = await Promise.all(planned.map(({ part }) => packages.loadHead(period.id, clientId, part)));
  return heads.filter((head) => head !== undefined);
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
