import { add, compare, type Decimal, multiply, negate } from '../decimal/decimal.ts';
import { quantityOf } from '../decimal/meter-sums.ts';
import type { MeterTotals } from '../usage/records.ts';

/** How a client's usage in a period is unlike that of its periods before. */
export type VarianceKind = 'new-client' | 'vanished-client' | 'new-meter' | 'silent-meter' | 'above' | 'below';

/** One way in which a client's usage is unlike before. */
export interface Variance {
  kind: VarianceKind;
  /** Absent where the client as a whole is new or has vanished. */
  meter?: string;
  /** In this period. */
  quantity?: Decimal;
  /** Of the periods before; absent where there are none. */
  median?: Decimal;
  /** What would have been usual: the median and its bounds, for `above` and `below`. */
  usual?: { from: Decimal; to: Decimal };
}

/** Below so many periods nothing is known of how much a client's usage goes up and down. */
const LEAST_PERIODS = 2;
/**
 * So many median deviations from the median are usual. The median deviation of a normal distribution is 0.6745 of its
 * standard deviation (https://en.wikipedia.org/wiki/Median_absolute_deviation), so five are some 3.4 of those.
 */
const USUAL_DEVIATIONS = '5';
/** And at least this share of the median, since usage that never moved has no deviation at all. */
const USUAL_SHARE = '0.5';

/**
 * Compares a client's usage in a period with its own in the periods before, meter by meter. Median and median deviation
 * are those of all of them, so one odd period neither hides another nor makes the next one odd.
 * @param now undefined where the client used nothing
 * @param before the periods before, the latest first; undefined where the client used nothing
 */
export function variancesOf(now: MeterTotals | undefined, before: readonly (MeterTotals | undefined)[]): Variance[] {
  // What lies before the client's first usage says nothing of how it uses.
  const first = before.findLastIndex((totals) => totals !== undefined);
  const known = before.slice(0, first + 1);
  if (known.length === 0) return now ? [{ kind: 'new-client' }] : [];
  // Who was away before too is not told again.
  if (!now) return known[0] ? [{ kind: 'vanished-client' }] : [];
  const meters = new Set([now, ...known].flatMap((totals) => Object.keys(totals ?? {})));
  return [...meters].sort().flatMap((meter) => {
    const quantities = known.map((totals) => quantityOf(totals, meter) ?? '0');
    return varianceOf(meter, quantityOf(now, meter) ?? '0', quantities) ?? [];
  });
}

function varianceOf(meter: string, quantity: Decimal, before: readonly Decimal[]): Variance | undefined {
  const median = medianOf(before);
  if (before.every((each) => each === '0')) return { kind: 'new-meter', meter, quantity, median };
  if (quantity === '0') return before[0] === '0' ? undefined : { kind: 'silent-meter', meter, quantity, median };
  if (before.length < LEAST_PERIODS) return undefined;
  const deviation = medianOf(before.map((each) => absolute(subtract(each, median))));
  const wide = multiply(deviation, USUAL_DEVIATIONS);
  const share = multiply(absolute(median), USUAL_SHARE);
  const allowed = compare(wide, share) > 0 ? wide : share;
  const usual = { from: subtract(median, allowed), to: add(median, allowed) };
  if (compare(quantity, usual.to) > 0) return { kind: 'above', meter, quantity, median, usual };
  if (compare(quantity, usual.from) < 0) return { kind: 'below', meter, quantity, median, usual };
  return undefined;
}

/** Exact: the mean of the two in the middle where there are two. */
function medianOf(values: readonly Decimal[]): Decimal {
  const sorted = values.toSorted(compare);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? '0';
  if (sorted.length % 2 === 1) return upper;
  return multiply(add(sorted[middle - 1] ?? '0', upper), '0.5');
}

function subtract(one: Decimal, other: Decimal): Decimal {
  return add(one, negate(other));
}

function absolute(value: Decimal): Decimal {
  return value.startsWith('-') ? negate(value) : value;
}
