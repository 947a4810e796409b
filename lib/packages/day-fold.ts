import { negate } from '../decimal/decimal.ts';
import { quantityOf } from '../decimal/meter-sums.ts';
import { isAdditiveKind, kindOfMeasure, MeasureFold } from '../meters/measure.ts';
import type { MeterTotals } from '../usage/records.ts';

/** What one usage slice (or one page of it) adds to its day. */
export interface SliceUsage {
  totals: Iterable<readonly [measure: string, value: string]>;
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

/** Folds slices, each meter by its kind, in any order, exactly. Holds one value a meter, however many there are. */
class SlicesFold {
  readonly #values = new MeasureFold();
  #events = 0;
  #firstEventAt: string | undefined;
  #lastEventAt: string | undefined;

  add({ totals, events, firstEventAt, lastEventAt }: SliceUsage): void {
    for (const [measure, value] of totals) this.#values.add(measure, value);
    this.#events += events;
    if (firstEventAt && (!this.#firstEventAt || firstEventAt < this.#firstEventAt)) this.#firstEventAt = firstEventAt;
    if (lastEventAt && (!this.#lastEventAt || lastEventAt > this.#lastEventAt)) this.#lastEventAt = lastEventAt;
  }

  result(): FoldedSlices {
    return {
      totals: this.#values.values(),
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

  /** @param begun what an earlier fold of the same day came to */
  constructor(begun?: FoldedDay) {
    if (!begun) return;
    this.#all.add(asSlice(begun));
    if (!begun.lasting) return;
    this.#lasting = new SlicesFold();
    this.#lasting.add(asSlice(begun.lasting));
  }

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
 * A day from its record and its slices: of what can expire whatever holds more of it, and of what lasts the same.
 * Counting only ever adds events, and what lasts never goes, so the one that holds more of a kind holds all that the
 * other one holds of it.
 * @param kept the daily record; one whose lasting part is not known is compared as a whole
 */
export function fullerDay(kept: FoldedDay, slices: FoldedDay): FoldedDay {
  const [keptLasting, slicesLasting] = [kept.lasting ?? NOTHING, slices.lasting ?? NOTHING];
  if (!Number.isFinite(keptLasting.events)) return slices.events >= kept.events ? slices : kept;
  if (passingEventsOf(kept) > passingEventsOf(slices)) {
    return slicesLasting.events > keptLasting.events ? withLasting(kept, slicesLasting) : kept;
  }
  return keptLasting.events > slicesLasting.events ? withLasting(slices, keptLasting) : slices;
}

/** How many of a day's events stand in slices that expire. */
export function passingEventsOf({ events, lasting = NOTHING }: FoldedDay): number {
  return events - lasting.events;
}

/**
 * A day with another lasting part, which holds all that its own one holds: so of what adds up the old part goes, and
 * what does not add up is what the fuller part leaves of it.
 */
function withLasting(day: FoldedDay, lasting: FoldedSlices): FoldedDay {
  const before = day.lasting ?? NOTHING;
  const fold = new SlicesFold();
  fold.add(asSlice(day));
  fold.add(asSlice(lasting));
  const negated = Object.entries(before.totals)
    .filter(([measure]) => isAdditiveKind(kindOfMeasure(measure)))
    .map(([measure, quantity]) => [measure, negate(quantity)] as const);
  fold.add({ totals: negated, events: -before.events });
  return { ...fold.result(), lasting };
}

function asSlice(folded: FoldedSlices): SliceUsage {
  return { ...folded, totals: Object.entries(folded.totals) };
}

const NOTHING: FoldedSlices = { totals: {}, events: 0 };

function isSameUsage(one: FoldedSlices, other: FoldedSlices): boolean {
  const meters = Object.keys(one.totals);
  return (
    one.events === other.events &&
    meters.length === Object.keys(other.totals).length &&
    meters.every((meter) => quantityOf(one.totals, meter) === quantityOf(other.totals, meter))
  );
}
