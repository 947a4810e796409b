import type { DayPosition } from '../periods/days.ts';

/** How long the stretches are into which a day is cut between the whole of it and its short slices. */
export const STRETCH_MINUTES = 240;

/** A slice that is as long as the day, or as one of its stretches. It has one page. */
export type WideSlice = 'day' | `stretch-${number}`;

/** A slice of a day: a wide one, or the number of a short one, of `sliceMinutes`. */
export type SliceName = WideSlice | number;

/** The lengths of slices, in the order in which an event looks for its place. */
export const SLICE_LENGTHS = ['day', 'stretch', 'short'] as const;
export type SliceLength = (typeof SLICE_LENGTHS)[number];

/** Whether a slice is one with a single page. */
export function isWide(slice: SliceName): slice is WideSlice {
  return typeof slice !== 'number';
}

/** The slice of a length that an instant of a day lies in. */
export function sliceOfLength(length: SliceLength, { slice }: DayPosition, sliceMinutes: number): SliceName {
  if (length === 'day') return 'day';
  return length === 'stretch' ? `stretch-${stretchOf(slice, sliceMinutes)}` : slice;
}

/** The number of the stretch that a short slice begins in. */
export function stretchOf(slice: number, sliceMinutes: number): number {
  return Math.floor((slice * sliceMinutes) / STRETCH_MINUTES);
}
