import { createHash } from 'node:crypto';
import type { Decimal } from '../decimal/decimal.ts';
import { foldOf, kindOfMeasure, type Measure, meterOfMeasure, quantityOfValue } from '../meters/measure.ts';
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
  const daysByMeasure = new Map<Measure, DayQuantity[]>();
  for (const { day, totals } of usage) {
    for (const [measure, value] of Object.entries(totals)) {
      const quantity = quantityOfValue(value);
      // That its quantity is zero may be the latest that is known of a meter.
      if (quantity === '0' && kindOfMeasure(measure) !== 'latest') continue;
      const days = daysByMeasure.get(measure);
      if (days) days.push({ day, quantity });
      else daysByMeasure.set(measure, [{ day, quantity }]);
    }
  }
  return [...daysByMeasure]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([measure, days]) => lineOf(measure, days) ?? []);
}

function lineOf(measure: Measure, days: DayQuantity[]): PackageLine | undefined {
  const kind = kindOfMeasure(measure);
  const meter = meterOfMeasure(measure);
  const quantity = quantityOfDays(measure, days);
  if (kind === 'sum') return { meter, quantity, days };
  if (kind === 'latest' && quantity === '0') return undefined;
  return { meter, kind, quantity, days: days.filter((day) => day.quantity !== '0') };
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

/**
 * SHA-256, in hex, of the content as JSON with its fields in the order of {@link contentOf}. Without units: a meter
 * that is given one later must not make a correction of every package.
 */
export function contentHashOf(content: PackageContent): string {
  const hasUnits = content.lines.some(({ unit }) => unit !== undefined);
  const hashed = hasUnits ? { ...content, lines: content.lines.map(({ unit: _, ...line }) => line) } : content;
  return createHash('sha256').update(JSON.stringify(hashed)).digest('hex');
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
  unitOf: UnitOf = () => undefined,
): string {
  const { packageId, part, clientId, period, lines } = content;
  const days = new Set(lines.flatMap((line) => line.days.map(({ day }) => day)));
  const document: PackageDocument = {
    packageId,
    revision,
    part,
    clientId,
    period,
    lines: withUnits(lines, unitOf),
    ...(difference ? { difference: { ...difference, lines: withUnits(difference.lines, unitOf) } } : {}),
    counts: { events, days: days.size, lines: lines.length },
    contentHash: contentHashOf(content),
  };
  return JSON.stringify(document);
}

/** The unit of a meter, where the registry of meters knows it. */
export type UnitOf = (meter: string) => string | undefined;

function withUnits(lines: readonly PackageLine[], unitOf: UnitOf): PackageLine[] {
  return lines.map(({ meter, kind, unit: _, ...amounts }) => {
    const unit = unitOf(meter);
    return { meter, ...(kind ? { kind } : {}), ...(unit === undefined ? {} : { unit }), ...amounts };
  });
}

/**
 * The body of one request to the invoice API. The document is kept as text and only added to, so that the same
 * submission is the same bytes for ever.
 */
export function bodyOf(document: string, submission: number): string {
  return `${document.slice(0, -1)},"submission":${submission}}`;
}

/** What days in their order come to in the period, exactly, by the kind of the measure. */
export function quantityOfDays(measure: Measure, days: readonly DayQuantity[]): Decimal {
  const [last] = days.slice(-1);
  if (last && (days.length === 1 || kindOfMeasure(measure) === 'latest')) return last.quantity;
  const fold = foldOf(measure);
  for (const { quantity } of days) fold.add(quantity);
  return fold.toString();
}
