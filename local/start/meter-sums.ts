import { DecimalSum } from '../../lib/decimal/decimal.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';

/** Adds quantities per meter, exactly. */
export class MeterSums {
  readonly #sums = new Map<string, DecimalSum>();

  /** Adds one quantity, a plain decimal string. @throws InvalidDecimal */
  add(meter: string, quantity: string): this {
    let sum = this.#sums.get(meter);
    if (!sum) {
      sum = new DecimalSum();
      this.#sums.set(meter, sum);
    }
    sum.add(quantity);
    return this;
  }

  /** Adds all of them. @throws InvalidDecimal */
  addTotals(totals: MeterTotals): this {
    for (const [meter, quantity] of Object.entries(totals)) this.add(meter, quantity);
    return this;
  }

  /** The sums, sorted by meter. A meter that sums to zero is left out: nothing is billed for it. */
  totals(): MeterTotals {
    const totals = [...this.#sums].map(([meter, sum]) => [meter, sum.toString()] as const);
    return Object.fromEntries(totals.filter(([, sum]) => sum !== '0').sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}
