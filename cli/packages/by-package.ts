import type { DocumentReport } from '../../lib/invoice-api/adapters/adapter.ts';
import type { PackageReport } from '../../lib/invoice-api/invoice-api.ts';

/**
 * What an API holds of each package, from the documents that it lists: a revision has one, a correction another. The
 * same document twice stays twice, since then a package was billed twice; and a package is processed only when all of
 * its documents are there and processed.
 */
export function byPackage(documents: Iterable<DocumentReport>): PackageReport[] {
  const packages = new Map<string, DocumentReport[]>();
  const names = new Set<string>();
  const known = new Set<string>();
  const twice: PackageReport[] = [];
  for (const report of documents) {
    const { id, revision, document, name } = report;
    if (name !== undefined && names.has(name)) continue;
    if (name !== undefined) names.add(name);
    const identity = JSON.stringify([id, revision, document]);
    if (known.has(identity)) twice.push(reportOf(report));
    else packages.set(id, [...(packages.get(id) ?? []), report]);
    known.add(identity);
  }
  return [...[...packages.values()].map(together), ...twice];
}

function together(documents: DocumentReport[]): PackageReport {
  const [latest = documents[0], ...earlier] = documents.toSorted(
    (one, other) => (other.revision ?? 0) - (one.revision ?? 0),
  );
  const report = reportOf(latest as DocumentReport);
  const open = earlier.find(({ status }) => status !== 'processed');
  if (open) return { ...report, status: open.status };
  return isWhole(documents) ? report : { ...report, status: 'processing' };
}

/**
 * Whether every revision has as many documents as are written on one of them, and every correction what it corrects:
 * together they are what is billed.
 */
function isWhole(documents: readonly DocumentReport[]): boolean {
  const counts = new Map<number | undefined, number>();
  for (const { revision } of documents) counts.set(revision, (counts.get(revision) ?? 0) + 1);
  return documents.every(
    (each) =>
      (each.documents === undefined || each.documents === counts.get(each.revision)) &&
      (each.since === undefined || counts.has(each.since)),
  );
}

function reportOf({
  document: _document,
  documents: _documents,
  since: _since,
  name: _name,
  ...report
}: DocumentReport) {
  return report;
}
