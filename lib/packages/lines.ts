import { createHash } from 'node:crypto';
import { type Measure, type MeterKind, measureOf } from '../meters/measure.ts';
import type { Day } from '../periods/days.ts';

/** One meter's quantity on one day, or its change. */
export interface DayQuantity {
  day: Day;
  quantity: string;
}

/** One meter and what it comes to in the period, with the days that make it; what has no quantity is left out. */
export interface PackageLine {
  meter: string;
  /** How the days make the quantity; absent: they add up. In a difference both are changes, whatever the kind. */
  kind?: Exclude<MeterKind, 'sum'>;
  /** What is counted, in words, where the registry of meters knows it; for the reader, and not part of the content. */
  unit?: string;
  quantity: string;
  days: DayQuantity[];
}

/** What totals name a line by. */
export function measureOfLine({ meter, kind }: Pick<PackageLine, 'meter' | 'kind'>): Measure {
  return measureOf(meter, kind);
}

/**
 * The largest document, in bytes: a DynamoDB item holds 400 KB
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-items).
 */
export const MAXIMUM_DOCUMENT_BYTES = 350_000;

/**
 * The lines of one part may take this much, in bytes. A correction carries its lines and, at worst, a difference that
 * takes back every old line and adds every new one. With old lines of at most this size there is always a number of
 * parts with which such a correction fits too, so no package is ever refused for its size.
 */
export const MAXIMUM_LINES_BYTES = 165_000;

/** Far more than the meters that a day can hold. */
const MAXIMUM_PARTS = 4_096;

/**
 * The part that a meter belongs to when there are `parts` of them, from 1. It depends on the meter's name alone, so a
 * new meter moves no other one.
 * @param parts a power of two
 */
export function partOfMeter(meter: string, parts: number): number {
  return parts === 1 ? 1 : partAt(placeOfMeter(meter), parts);
}

/** Where a meter stands, however many parts there are. */
function placeOfMeter(meter: string): number {
  return createHash('sha256').update(meter).digest().readUInt16BE(0);
}

function partAt(place: number, parts: number): number {
  return (place % parts) + 1;
}

/**
 * A client's lines, part by part, in their order; looks at each line once, however many parts there are.
 * @param parts a power of two
 */
export function linesByPart(lines: readonly PackageLine[], parts: number): PackageLine[][] {
  if (parts === 1) return [[...lines]];
  const dealt = Array.from({ length: parts }, (): PackageLine[] => []);
  for (const line of lines) dealt[partOfMeter(line.meter, parts) - 1]?.push(line);
  return dealt;
}

/**
 * How many parts a client's lines need: the smallest power of two, at least `atLeast`, with which the lines of every
 * part stay within {@link MAXIMUM_LINES_BYTES}. The number never shrinks within a period, so that a meter goes from
 * part to part only when a client has grown; then every part gets a correction, and what leaves one part enters
 * another.
 */
export function partsFor(lines: readonly PackageLine[], atLeast = 1): number {
  const sizes = lines.map((line) => JSON.stringify(line).length + 1);
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const places = total <= MAXIMUM_LINES_BYTES ? [] : lines.map(({ meter }) => placeOfMeter(meter));
  for (let parts = atLeast; parts < MAXIMUM_PARTS; parts *= 2) {
    if (total <= MAXIMUM_LINES_BYTES) return parts;
    const filled = new Array<number>(parts + 1).fill(0);
    for (const [index, place] of places.entries()) {
      const part = partAt(place, parts);
      filled[part] = (filled[part] ?? 0) + (sizes[index] ?? 0);
    }
    if (filled.every((bytes) => bytes <= MAXIMUM_LINES_BYTES)) return parts;
  }
  return MAXIMUM_PARTS;
}
