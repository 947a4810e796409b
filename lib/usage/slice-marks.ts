import { isWide, type SliceName, STRETCH_MINUTES, stretchOf } from './slice-path.ts';

/**
 * A mark is a number in the daily record's set: "in this stretch of the day there are short slices, and one of them has
 * reached this many pages", or "there are wide slices". It lets the planner weigh a client-day without reading its
 * slices, at a handful of writes a day.
 */
export type SliceMark = number;

/** Page counts are marked by powers of two; 2^64 pages are out of reach. */
const POWERS = 64;

/**
 * The day has wide slices: one mark for all of them, since each costs a write. No day has so many stretches that it
 * could be taken for one of theirs.
 */
const WIDE_MARK: SliceMark = 1_000 * POWERS;
/** The day's own page, and one for each stretch of a day of 25 hours. */
const MOST_WIDE_SLICES = 1 + Math.ceil((25 * 60) / STRETCH_MINUTES);

/** The mark for a slice that has come to hold `pages` pages. Grows with the logarithm of `pages`. */
export function sliceMarkOf(slice: SliceName, pages: number, sliceMinutes: number): SliceMark {
  if (isWide(slice)) return WIDE_MARK;
  return stretchOf(slice, sliceMinutes) * POWERS + Math.ceil(Math.log2(Math.max(pages, 1)));
}

/**
 * How many slice items a client-day has, at most and within a power of two of its busiest slice, from the marks of its
 * daily record. Never less than there are; 0 without marks.
 */
export function estimatedSlicesOfMarks(marks: Iterable<SliceMark>, sliceMinutes: number): number {
  const pagesByStretch = new Map<number, number>();
  let wide = 0;
  for (const mark of marks) {
    if (mark === WIDE_MARK) wide = MOST_WIDE_SLICES;
    else {
      const stretch = Math.floor(mark / POWERS);
      pagesByStretch.set(stretch, Math.max(pagesByStretch.get(stretch) ?? 1, 2 ** (mark % POWERS)));
    }
  }
  const slicesPerStretch = Math.max(1, STRETCH_MINUTES / sliceMinutes);
  return [...pagesByStretch.values()].reduce((sum, pages) => sum + slicesPerStretch * pages, wide);
}
