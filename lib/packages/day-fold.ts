import { DecimalSum } from '../decimal/decimal.ts';
import type { MeterTotals } from '../usage/records.ts';

/** What one usage slice (or one page of it) adds to its day. */
export interface SliceUsage {
  totals: Iterable<readonly [meter: string, quantity: string]>;
  events: number;
  firstEventAt?: string | undefined;
  lastEventAt?: string | undefined;
}

/** What a day's slices add up to. */
export interface FoldedDay {
  totals: MeterTotals;
  events: number;
  firstEventAt?: string;
  lastEventAt?: string;
}

/** Adds up the slices of one client's day, in any order, exactly. Holds one sum a meter, however many slices there are. */
export class DayFold {
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

  result(): FoldedDay {
    return {
      totals: Object.fromEntries([...this.#sums].map(([meter, sum]) => [meter, sum.toString()])),
      events: this.#events,
      ...(this.#firstEventAt ? { firstEventAt: this.#firstEventAt } : {}),
      ...(this.#lastEventAt ? { lastEventAt: this.#lastEventAt } : {}),
    };
  }
}

/** Whether two folds of a day say the same. */
export function isSameDay(one: FoldedDay, other: FoldedDay): boolean {
  const meters = Object.keys(one.totals);
  return (
    one.events === other.events &&
    one.firstEventAt === other.firstEventAt &&
    one.lastEventAt === other.lastEventAt &&
    meters.length === Object.keys(other.totals).length &&
    meters.every((meter) => one.totals[meter] === other.totals[meter])
  );
}
