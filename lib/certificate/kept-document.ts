import { firstDifference, MeterSums } from '../decimal/meter-sums.ts';
import { contentHashOf, type PackageDocument, quantityOfDays } from '../packages/document.ts';
import { measureOfLine, type PackageLine } from '../packages/lines.ts';
import type { MeterTotals } from '../usage/records.ts';

/** A revision of a package as it is kept. */
export interface KeptRevision {
  part: number;
  revision: number;
  contentHash: string;
  /** The JSON text without the submission number. */
  document: string;
}

/** Two places of the books that contradict each other, in words and with both values. */
export interface Fault {
  clientId: string;
  /** What was looked at. */
  line: string;
  expected: string;
  found: string;
}

/** Reads a document and adds a fault for each thing in it that contradicts its hashes or sums. */
export function checkedDocument(
  { clientId, packageId }: { clientId: string; packageId: string },
  kept: KeptRevision,
  faults: Fault[],
): PackageDocument {
  // Written by documentText, which made it from a PackageDocument.
  const document = JSON.parse(kept.document) as PackageDocument;
  const { part, period, lines } = document;
  const actual = contentHashOf({ packageId: document.packageId, part, clientId: document.clientId, period, lines });
  const name = `content of ${packageId} revision ${kept.revision}`;
  const written = actual === kept.contentHash ? document.contentHash : kept.contentHash;
  if (actual !== written) faults.push({ clientId, line: name, expected: written, found: actual });
  for (const line of lines) {
    const measure = measureOfLine(line);
    const found = quantityOfDays(measure, line.days);
    const different = firstDifference({ [measure]: line.quantity }, { [measure]: found });
    if (!different) continue;
    faults.push({ clientId, line: `${name}, days of ${measure}`, expected: different.one, found: different.other });
  }
  return document;
}

/**
 * What a revision's differences add up to: the first processed revision of its line, and each difference after it.
 * Equal to the revision's own totals when nothing was lost on the way.
 */
export function addUpRevisions(last: PackageDocument, documents: ReadonlyMap<number, PackageDocument>): MeterTotals {
  const sums = new MeterSums();
  let document: PackageDocument | undefined = last;
  while (document?.difference) {
    sums.addAll(totalsOfLines(document.difference.lines));
    const since: number = document.difference.sinceRevision;
    // Only a tampered document points at itself or ahead.
    document = since < document.revision ? documents.get(since) : undefined;
  }
  return sums.addAll(totalsOfLines(document?.lines ?? [])).totals();
}

/** The quantities of lines by meter. */
export function totalsOfLines(lines: readonly Pick<PackageLine, 'meter' | 'kind' | 'quantity'>[]): MeterTotals {
  return lines.reduce((sums, line) => sums.add(measureOfLine(line), line.quantity), new MeterSums()).totals();
}
