import { contentHashOf, contentOf, linesOf, type PackageLine } from '../packages/document.ts';
import type { PackageHead } from '../packages/package.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { SumsFold } from './chunk-sums.ts';
import { lastProcessedOf, type PackagingFrame, processedLines } from './client-packages.ts';
import { settleUsage } from './client-usage.ts';
import { countUsage, isWithoutRecords } from './package-client.ts';

/**
 * Adds a client to the account of a run once everything is sent: what the slices say now, what the daily records say, what
 * was last processed, and the states of its packages. Writes nothing. Where the daily records give the very content that was
 * processed, the hash proves it and no document is read.
 * @returns nothing when no document has to be read
 */
export function accountClient(
  records: ClientRecords,
  frame: PackagingFrame,
  isFrozen: (day: Day) => boolean,
  sums: SumsFold,
): Promise<void> | undefined {
  countUsage(records, settleUsage(records, isFrozen), sums);
  if (isWithoutRecords(records)) sums.count('clientsWithoutRecords');
  for (const { totals } of records.days) sums.addTotals('dailyRecords', totals);
  const lines = linesOf(records.days);
  const others: PackageHead[] = [];
  for (const head of records.heads) {
    sums.addState(head.state);
    if (head.revision > 1) sums.count('corrections');
    const content = contentOf(head.clientId, frame.period, frame.timeZone, lines, {
      number: head.part,
      of: head.parts,
    });
    if (head.state === 'processed' && contentHashOf(content) === head.contentHash) addLines(content.lines, sums);
    else others.push(head);
  }
  return others.length === 0 ? undefined : addProcessed(others, frame, sums);
}

async function addProcessed(heads: readonly PackageHead[], frame: PackagingFrame, sums: SumsFold): Promise<void> {
  for (const head of heads) {
    const processed = lastProcessedOf(head);
    if (!processed) continue;
    addLines(await processedLines(frame.packages, frame.period, head.clientId, head.part, processed.revision), sums);
  }
}

function addLines(lines: readonly PackageLine[], sums: SumsFold): void {
  for (const { meter, quantity } of lines) sums.addQuantity('processed', meter, quantity);
}
