import type { PackageHead } from '../../lib/packages/package.ts';

/** What the invoice API says it holds of one package. */
export interface HeldPackage {
  id: string;
  status: string;
  revision?: number | undefined;
  contentHash?: string | undefined;
  processedRevision?: number | undefined;
}

/** One place where our books and the API's disagree. */
export interface Difference {
  packageId: string;
  kind:
    | 'missing-at-api'
    | 'unknown-to-us'
    | 'listed-twice'
    | 'processed-only-here'
    | 'processed-only-there'
    | 'other-revision'
    | 'other-content';
  ours: string;
  theirs: string;
}

/** What of a head reconciliation needs. */
export type ReconciledHead = Pick<
  PackageHead,
  'packageId' | 'state' | 'revision' | 'contentHash' | 'lastProcessedRevision' | 'everSent'
>;

/**
 * Holds our books against all that the API holds for a period. What is still on its way is no difference: a package
 * that was sent a moment ago may be listed or not.
 */
export function reconcile(ours: Iterable<ReconciledHead>, theirs: Iterable<HeldPackage>): Difference[] {
  const differences: Difference[] = [];
  const held = new Map<string, HeldPackage>();
  for (const entry of theirs) {
    if (held.has(entry.id)) {
      differences.push({ packageId: entry.id, kind: 'listed-twice', ours: 'one package', theirs: 'listed twice' });
    } else {
      held.set(entry.id, entry);
    }
  }
  for (const head of ours) {
    const entry = held.get(head.packageId);
    held.delete(head.packageId);
    const difference = entry ? compare(head, entry) : absent(head);
    if (difference) differences.push(difference);
  }
  for (const entry of held.values()) {
    differences.push({ packageId: entry.id, kind: 'unknown-to-us', ours: 'no such package', theirs: saidOf(entry) });
  }
  return differences.sort((one, other) => (one.packageId < other.packageId ? -1 : 1));
}

function absent(head: ReconciledHead): Difference | undefined {
  const processed = processedRevisionOf(head);
  if (processed === 0 && head.state !== 'submitted') return undefined;
  return { packageId: head.packageId, kind: 'missing-at-api', ours: ourWords(head), theirs: 'not listed' };
}

function compare(head: ReconciledHead, entry: HeldPackage): Difference | undefined {
  const { packageId } = head;
  const ours = processedRevisionOf(head);
  const theirs = entry.processedRevision ?? (entry.status === 'processed' ? (entry.revision ?? ours) : undefined);
  const words = { packageId, ours: ourWords(head), theirs: saidOf(entry) };
  if (theirs !== undefined) {
    if (ours > 0 && theirs === 0) return { ...words, kind: 'processed-only-here' };
    // While a submission is out, the API may know before we ask.
    const isUnderWay = head.state === 'sending' || head.state === 'submitted';
    if (theirs > ours && !isUnderWay) return { ...words, kind: ours === 0 ? 'processed-only-there' : 'other-revision' };
    if (theirs < ours) return { ...words, kind: 'other-revision' };
  } else if (ours > 0 && (ours === head.revision || ours === entry.revision) && entry.status !== 'processed') {
    return { ...words, kind: 'processed-only-here' };
  }
  const isSameRevision = entry.revision === head.revision && head.everSent;
  if (isSameRevision && entry.contentHash !== undefined && entry.contentHash !== head.contentHash) {
    return { packageId, kind: 'other-content', ours: head.contentHash, theirs: entry.contentHash };
  }
  return undefined;
}

function processedRevisionOf({ state, revision, lastProcessedRevision }: ReconciledHead): number {
  return state === 'processed' ? revision : lastProcessedRevision;
}

function ourWords(head: ReconciledHead): string {
  const processed = processedRevisionOf(head);
  return `revision ${head.revision} ${head.state}${processed > 0 && processed !== head.revision ? `, revision ${processed} processed` : ''}`;
}

function saidOf({ revision, status, processedRevision }: HeldPackage): string {
  const said = revision === undefined ? status : `revision ${revision} ${status}`;
  return processedRevision && processedRevision !== revision
    ? `${said}, revision ${processedRevision} processed`
    : said;
}
