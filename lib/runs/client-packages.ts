import { HalfmonthError } from '../errors/halfmonth-error.ts';
import {
  type DecisionBasis,
  decide,
  isRevision,
  type PackageDecision,
  type RevisionDecision,
} from '../packages/decision.ts';
import { differenceOf } from '../packages/difference.ts';
import {
  type ClientUsage,
  contentHashOf,
  contentOf,
  documentText,
  linesOf,
  type PackageDifference,
  type PackageDocument,
  type PackageLine,
  type UnitOf,
} from '../packages/document.ts';
import { linesByPart, MAXIMUM_DOCUMENT_BYTES, partsFor } from '../packages/lines.ts';
import { type PackageHead, packageIdOf } from '../packages/package.ts';
import { lastProcessedOf } from '../packages/revisions.ts';
import type { Period } from '../periods/periods.ts';
import type { PackageStore } from '../store/package-store.ts';
import type { MeterTotals } from '../usage/records.ts';

/** What is to become of one package. */
export interface PlannedPackage {
  part: number;
  parts: number;
  decision: PackageDecision;
  contentHash: string;
  head: PackageHead | undefined;
  lines: PackageLine[];
  /** Only where a revision is to be written. */
  revision?: { by: RevisionDecision; number: number; document: string };
  /** What the revision adds to what was processed before; the same as `lines` where nothing was. */
  added: PackageLine[];
}

/** A client whose packages are to be decided on. */
export interface ClientToPackage {
  clientId: string;
  usage: ClientUsage;
  heads: readonly PackageHead[];
  /** What the client used, by meter; undefined where that is nothing. */
  totals?: MeterTotals | undefined;
}

/** What is the same for all clients of a run. */
export interface PackagingFrame {
  period: Period;
  timeZone: string;
  packages: PackageStore;
  /** What the registry of meters says; absent where it says nothing. */
  unitOf?: UnitOf | undefined;
  /** What keeps a package from being sent at all, such as a client without a customer; absent where nothing can. */
  obstacleOf?: ((request: { body: string }) => Promise<string | undefined>) | undefined;
  /** Why a client's packages wait for a person's approval; absent where none ever does. */
  reasonToHold?: ((clientId: string, totals: MeterTotals | undefined) => Promise<string | undefined>) | undefined;
}

/**
 * Decides what becomes of a client's packages. Reads nothing where nothing changed; a correction reads the revision
 * that was last processed.
 */
export function planPackages(
  client: ClientToPackage,
  frame: PackagingFrame,
): PlannedPackage[] | Promise<PlannedPackage[]> {
  const lines = linesOf(client.usage);
  const parts = partsFor(lines, Math.max(1, ...client.heads.map((head) => head.parts)));
  const planned = decideParts(client, lines, parts, frame);
  return planned.some(({ decision }) => isRevision(decision) || decision === 'wait')
    ? addRevisions(client, lines, planned, frame)
    : planned;
}

function decideParts(
  { clientId, heads }: ClientToPackage,
  lines: readonly PackageLine[],
  parts: number,
  { period, timeZone }: PackagingFrame,
): PlannedPackage[] {
  const headsByPart = new Map(heads.map((head) => [head.part, head]));
  const planned = linesByPart(lines, parts).map((ofPart, index): PlannedPackage => {
    const part = index + 1;
    const head = headsByPart.get(part);
    const content = contentOf(clientId, period, timeZone, ofPart, { number: part, of: parts });
    const contentHash = contentHashOf(content);
    const basis: DecisionBasis = {
      head,
      contentHash,
      isEmpty: lines.length === 0,
      lastProcessedHash: head && lastProcessedOf(head)?.contentHash,
    };
    return { part, parts, decision: decide(basis), contentHash, head, lines: content.lines, added: [] };
  });
  return isMovingInFlight(planned) ? planned.map(waiting) : planned;
}

/**
 * Whether a client gets more parts while one in flight still speaks for meters that go to another part: billed there
 * already, they would be billed twice until that one is corrected.
 */
function isMovingInFlight(planned: readonly PlannedPackage[]): boolean {
  return planned.some(({ decision, head, parts }) => decision === 'wait' && head?.parts !== parts);
}

function waiting(planned: PlannedPackage): PlannedPackage {
  return isRevision(planned.decision) ? { ...planned, decision: 'wait' } : planned;
}

async function addRevisions(
  client: ClientToPackage,
  lines: readonly PackageLine[],
  planned: PlannedPackage[],
  frame: PackagingFrame,
): Promise<PlannedPackage[]> {
  const { clientId, usage } = client;
  const { period, timeZone, unitOf } = frame;
  const events = usage.reduce((sum, day) => sum + day.events, 0);
  const revised: PlannedPackage[] = [];
  for (const plannedPackage of planned) {
    const { part, parts, decision, head } = plannedPackage;
    if (!isRevision(decision) && decision !== 'wait') {
      revised.push(plannedPackage);
      continue;
    }
    const difference = await differenceToProcessed(plannedPackage, frame, clientId);
    const added = difference ? difference.lines : plannedPackage.lines;
    if (decision === 'wait') {
      revised.push({ ...plannedPackage, added });
      continue;
    }
    const content = contentOf(clientId, period, timeZone, plannedPackage.lines, { number: part, of: parts });
    const number = decision === 'revise' && head ? head.revision + 1 : (head?.revision ?? 1);
    const document = documentText(content, number, events, difference, unitOf);
    if (Buffer.byteLength(document) > MAXIMUM_DOCUMENT_BYTES) {
      return addRevisions(client, lines, decideParts(client, lines, parts * 2, frame), frame);
    }
    revised.push({ ...plannedPackage, revision: { by: decision, number, document }, added });
  }
  return revised;
}

async function differenceToProcessed(
  { head, part, lines }: PlannedPackage,
  { packages, period }: PackagingFrame,
  clientId: string,
): Promise<PackageDifference | undefined> {
  const processed = head && lastProcessedOf(head);
  if (!processed) return undefined;
  const before = await processedLines(packages, period, clientId, part, processed.revision);
  return { sinceRevision: processed.revision, lines: differenceOf(before, lines) };
}

/** The document of a revision that was processed is gone, which nothing here ever does. */
export class DocumentMissing extends HalfmonthError {
  readonly code = 'DOCUMENT_MISSING';

  constructor(packageId: string, revision: number) {
    super(
      `Revision ${revision} of package ${packageId} was processed, but its document is missing. ` +
        'Restore it from a backup of the packages table: a correction cannot be computed without it.',
    );
  }
}

/** The lines of a revision that was processed. @throws DocumentMissing */
export async function processedLines(
  packages: PackageStore,
  period: Period,
  clientId: string,
  part: number,
  revision: number,
): Promise<PackageLine[]> {
  const stored = await packages.loadRevision(period.id, clientId, part, revision);
  if (!stored) throw new DocumentMissing(packageIdOf(period.id, clientId, part), revision);
  // Written by documentText, which made it from a PackageDocument.
  return (JSON.parse(stored.document) as PackageDocument).lines;
}
