import { createHash } from 'node:crypto';
import { DecimalSum } from '../decimal/decimal.ts';
import type { Period } from '../periods/periods.ts';
import type { DailyRecord } from '../usage/records.ts';
import type { DayQuantity, PackageLine } from './lines.ts';
import { packageIdOf } from './package.ts';

export type { DayQuantity, PackageLine } from './lines.ts';

/** What a package says, whatever its revision. Two packages with equal content have equal hashes. */
export interface PackageContent {
  packageId: string;
  part: { number: number; of: number };
  clientId: string;
  period: Period & { timeZone: string };
  lines: PackageLine[];
}

/**
 * For the reader's information; not part of the content, since an event of quantity 0 changes nothing that is billed.
 */
export interface DocumentCounts {
  /** Events of the client in the whole period, whatever part their meters are in. */
  events: number;
  /** Days of this part that carry a quantity. */
  days: number;
  lines: number;
}

/** What a correction changes, per meter and day, against the revision that was last processed. */
export interface PackageDifference {
  sinceRevision: number;
  lines: PackageLine[];
}

/** The document of one revision, as `docs/package.schema.json` describes it, without the submission number. */
export interface PackageDocument extends Omit<PackageContent, 'lines'> {
  revision: number;
  lines: PackageLine[];
  difference?: PackageDifference;
  counts: DocumentCounts;
  contentHash: string;
}

/** A client's usage in a period, day by day, in the order of days. */
export type ClientUsage = readonly Pick<DailyRecord, 'day' | 'totals' | 'events'>[];

/**
 * The lines of a client's usage: meters in the order of their code points, days in the order of time, nothing that is
 * zero. The same usage gives the same lines, however it was counted.
 */
export function linesOf(usage: ClientUsage): PackageLine[] {
  const daysByMeter = new Map<string, DayQuantity[]>();
  for (const { day, totals } of usage) {
    for (const [meter, quantity] of Object.entries(totals)) {
      if (quantity === '0') continue;
      const days = daysByMeter.get(meter);
      if (days) days.push({ day, quantity });
      else daysByMeter.set(meter, [{ day, quantity }]);
    }
  }
  return [...daysByMeter]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([meter, days]) => ({ meter, quantity: sumOf(days), days }));
}

/**
 * The content of one part.
 * @param lines those of this part (see `linesByPart`)
 */
export function contentOf(
  clientId: string,
  period: Period,
  timeZone: string,
  lines: readonly PackageLine[],
  part: { number: number; of: number },
): PackageContent {
  return {
    packageId: packageIdOf(period.id, clientId, part.number),
    part: { number: part.number, of: part.of },
    clientId,
    period: { id: period.id, from: period.from, to: period.to, timeZone },
    lines: [...lines],
  };
}

/** SHA-256, in hex, of the content as JSON with its fields in the order of {@link contentOf}. */
export function contentHashOf(content: PackageContent): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/**
 * The bytes of one revision, without the submission number. Fields are always in the same order, so the same revision
 * is the same text.
 */
export function documentText(
  content: PackageContent,
  revision: number,
  events: number,
  difference?: PackageDifference,
): string {
  const { packageId, part, clientId, period, lines } = content;
  const days = new Set(lines.flatMap((line) => line.days.map(({ day }) => day)));
  const document: PackageDocument = {
    packageId,
    revision,
    part,
    clientId,
    period,
    lines,
    ...(difference ? { difference } : {}),
    counts: { events, days: days.size, lines: lines.length },
    contentHash: contentHashOf(content),
  };
  return JSON.stringify(document);
}

/**
 * The body of one request to the invoice API. The document is kept as text and only added to, so that the same
 * submission is the same bytes for ever.
 */
export function bodyOf(document: string, submission: number): string {
  return `${document.slice(0, -1)},"submission":${submission}}`;
}

/** The sum of quantities, exactly. */
function sumOf(days: readonly DayQuantity[]): string {
  const [first] = days;
  if (days.length === 1 && first) return first.quantity;
  const sum = new DecimalSum();
  for (const { quantity } of days) sum.add(quantity);
  return sum.toString();
}
