import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { bodyOf } from '../packages/document.ts';
import { obstructed } from '../packages/head-changes.ts';
import { packageIdOf } from '../packages/package.ts';
import { revisedHead, withdrawnHead } from '../packages/revisions.ts';
import { assertLegal, changedHead } from '../packages/transitions.ts';
import type { ClientToPackage, PackagingFrame, PlannedPackage } from './client-packages.ts';

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
 * @throws PackageContended when another writer was there since: it may know of later usage, so all of the client has to
 * be read anew
 */
export async function writePackages(
  client: ClientToPackage,
  planned: readonly PlannedPackage[],
  frame: PackagingFrame,
  runId: string,
): Promise<void> {
  const isRevised = planned.some(({ revision }) => revision !== undefined);
  // Asked once for all parts, so that a client waits as a whole or not at all.
  const held = isRevised ? await frame.reasonToHold?.(client.clientId, client.totals) : undefined;
  await pLimit(PARTS_AT_ONCE).map(planned, async (plannedPackage) => {
    if (await writePackage(client, plannedPackage, frame, { runId, held })) return;
    throw new PackageContended(packageIdOf(frame.period.id, client.clientId, plannedPackage.part));
  });
}

async function writePackage(
  { clientId, usage }: ClientToPackage,
  planned: PlannedPackage,
  { packages, period, obstacleOf }: PackagingFrame,
  { runId, held }: { runId: string; held: string | undefined },
): Promise<boolean> {
  const { decision, head, part, parts, contentHash, revision } = planned;
  if (decision === 'discard' && head) {
    assertLegal('discard', head, 'absent', head.packageId);
    return packages.discard(head);
  }
  if (decision === 'withdraw' && head) return packages.withdrawRevision(withdrawnHead(head), head);
  if (!revision) return true;
  const identity = {
    packageId: packageIdOf(period.id, clientId, part),
    periodId: period.id,
    clientId,
    part,
    parts,
    revision: revision.number,
    contentHash,
    runId,
  };
  const events = usage.reduce((sum, day) => sum + day.events, 0);
  const stored = { ...identity, document: revision.document, madeAt: new Date().toISOString() };
  const made = revisedHead(revision.by, { ...identity, events }, head, held);
  // Found here, a package that cannot go is parked before the run's first request leaves; one that is held, once it is
  // approved: released from where it is parked, it would pass by the gate.
  const obstacle =
    held !== undefined ? undefined : await obstacleOf?.({ body: bodyOf(revision.document, made.submission) });
  const written = obstacle === undefined ? made : changedHead(made, obstructed(made, obstacle, Date.now()));
  return packages.putRevision(written, stored, head?.version);
}
