import { DecimalSum, negate } from '../decimal/decimal.ts';
import type { MeterTotals } from '../usage/records.ts';

/** What one usage slice (or one page of it) adds to its day. */
export interface SliceUsage {
  totals: Iterable<readonly [meter: string, quantity: string]>;
  events: number;
  firstEventAt?: string | undefined;
  lastEventAt?: string | undefined;
  /** Whether it is one that never expires (see `lib/usage/slice-page.ts`). */
  isLasting?: boolean | undefined;
}

/** What slices add up to. */
export interface FoldedSlices {
  totals: MeterTotals;
  events: number;
  firstEventAt?: string;
  lastEventAt?: string;
}

/** What a day's slices add up to. */
export interface FoldedDay extends FoldedSlices {
  /** The part of it that stands in slices that never expire; absent where there are none. */
  lasting?: FoldedSlices;
}

/** Adds up slices, in any order, exactly. Holds one sum a meter, however many slices there are. */
class SlicesFold {
  readonly #sums = new Map<string, DecimalSum>();
  #events = 0;
  #firstEventAt: string | undefined;
  #lastEventAt: string | undefined;

  add({ totals, events, firstEventAt, lastEventAt }: SliceUsage): void {
    for (const [meter, quantity] of totals) {
      const sum = this.#sums.get(meter);
      if (sum) sum.add(quantity);
      else this.#sums.set(meter, new DecimalSum().add(quantity));
    }
    this.#events += events;
    if (firstEventAt && (!this.#firstEventAt || firstEventAt < this.#firstEventAt)) this.#firstEventAt = firstEventAt;
    if (lastEventAt && (!this.#lastEventAt || lastEventAt > this.#lastEventAt)) this.#lastEventAt = lastEventAt;
  }

  result(): FoldedSlices {
    return {
      totals: Object.fromEntries([...this.#sums].map(([meter, sum]) => [meter, sum.toString()])),
      events: this.#events,
      ...(this.#firstEventAt ? { firstEventAt: this.#firstEventAt } : {}),
      ...(this.#lastEventAt ? { lastEventAt: this.#lastEventAt } : {}),
    };
  }
}

/** Adds up the slices of one client's day. */
export class DayFold {
  readonly #all = new SlicesFold();
  #lasting: SlicesFold | undefined;

  add(slice: SliceUsage): void {
    this.#all.add(slice);
    if (!slice.isLasting) return;
    this.#lasting ??= new SlicesFold();
    this.#lasting.add(slice);
  }

  result(): FoldedDay {
    return { ...this.#all.result(), ...(this.#lasting ? { lasting: this.#lasting.result() } : {}) };
  }
}

/** Whether two folds of a day say the same. */
export function isSameDay(one: FoldedDay, other: FoldedDay): boolean {
  return (
    one.firstEventAt === other.firstEventAt &&
    one.lastEventAt === other.lastEventAt &&
    isSameUsage(one, other) &&
    isSameUsage(one.lasting ?? NOTHING, other.lasting ?? NOTHING)
  );
}

/**
 * What a day came to whose other slices have expired since it was folded: the same, and what its lasting slices have come to hold
 * since then.
 * @param lasting the lasting slices as they are now
 */
export function foldedSince(day: FoldedDay, lasting: FoldedSlices | undefined): FoldedDay {
  const before = day.lasting ?? NOTHING;
  // A count of events never shrinks, and the same count is the same events.
  if (!lasting || lasting.events <= before.events) return day;
  const fold = new SlicesFold();
  fold.add({ ...day, totals: Object.entries(day.totals) });
  fold.add({ ...lasting, totals: Object.entries(lasting.totals) });
  const negated = Object.entries(before.totals).map(([meter, quantity]) => [meter, negate(quantity)] as const);
  fold.add({ totals: negated, events: -before.events });
  return { ...fold.result(), lasting };
}

const NOTHING: FoldedSlices = { totals: {}, events: 0 };

function isSameUsage(one: FoldedSlices, other: FoldedSlices): boolean {
  const meters = Object.keys(one.totals);
  return (
    one.events === other.events &&
    meters.length === Object.keys(other.totals).length &&
    meters.every((meter) => one.totals[meter] === other.totals[meter])
  );
}
