/**
 * A mark is a number in the daily record's set: "in this stretch of the day there are slices, and one of them has reached
 * this many pages". It lets the planner weigh a client-day without reading its slices, at a handful of writes a day.
 */
export type SliceMark = number;

/** A stretch of the day that is marked once. Longer ones cost fewer writes and make the estimate coarser. */
export const STRETCH_MINUTES = 240;

/** Page counts are marked by powers of two; 2^64 pages are out of reach. */
const POWERS = 64;

/** The mark for a slice that has come to hold `pages` pages. Grows with the logarithm of `pages`. */
export function sliceMarkOf(slice: number, pages: number, sliceMinutes: number): SliceMark {
  const stretch = Math.floor((slice * sliceMinutes) / STRETCH_MINUTES);
  return stretch * POWERS + Math.ceil(Math.log2(Math.max(pages, 1)));
}

/**
 * How many slice items a client-day has, at most and within a power of two of its busiest slice, from the marks of its daily
 * record. Never less than there are; 0 without marks.
 */
export function estimatedSlicesOfMarks(marks: Iterable<SliceMark>, sliceMinutes: number): number {
  const pagesByStretch = new Map<number, number>();
  for (const mark of marks) {
    const stretch = Math.floor(mark / POWERS);
    pagesByStretch.set(stretch, Math.max(pagesByStretch.get(stretch) ?? 1, 2 ** (mark % POWERS)));
  }
  const slicesPerStretch = Math.max(1, STRETCH_MINUTES / sliceMinutes);
  return [...pagesByStretch.values()].reduce((sum, pages) => sum + slicesPerStretch * pages, 0);
}
