import type { DocumentReport } from '../../lib/invoice-api/adapters/adapter.ts';
import type { PackageReport } from '../../lib/invoice-api/invoice-api.ts';

/**
 * What an API holds of each package, from the documents that it lists: a revision has one, a correction another. The
 * same document twice stays twice, since then a package was billed twice; and a package is processed only when all of
 * its documents are.
 */
export function byPackage(documents: Iterable<DocumentReport>): PackageReport[] {
  const packages = new Map<string, DocumentReport[]>();
  const twice: PackageReport[] = [];
  for (const report of documents) {
    const known = packages.get(report.id) ?? [];
    const isSame = ({ revision, document }: DocumentReport) =>
      revision === report.revision && document === report.document;
    if (known.some(isSame)) twice.push(report);
    else packages.set(report.id, [...known, report]);
  }
  return [...[...packages.values()].map(together), ...twice];
}

function together(documents: DocumentReport[]): PackageReport {
  const [latest = documents[0], ...earlier] = documents.toSorted(
    (one, other) => (other.revision ?? 0) - (one.revision ?? 0),
  );
  const open = earlier.find(({ status }) => status !== 'processed');
  const { document: _document, ...report } = latest as DocumentReport;
  return open ? { ...report, status: open.status } : report;
}
