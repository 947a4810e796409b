import { type Decimal, DecimalSum, negate } from './decimal.ts';

/** Quantities by meter, or by whatever else names a sum. */
type MeterTotals = Record<string, Decimal>;

/** Adds up quantities by meter, exactly. */
export class MeterSums {
  readonly #sums = new Map<string, DecimalSum>();

  add(meter: string, quantity: Decimal): this {
    const sum = this.#sums.get(meter);
    if (sum) sum.add(quantity);
    else this.#sums.set(meter, new DecimalSum().add(quantity));
    return this;
  }

  addAll(totals: MeterTotals): this {
    for (const meter in totals) this.add(meter, totals[meter] ?? '0');
    return this;
  }

  subtractAll(totals: MeterTotals): this {
    for (const [meter, quantity] of Object.entries(totals)) this.add(meter, negate(quantity));
    return this;
  }

  /** The sums in the order in which their meters came, those that came to nothing too. */
  totalsWithZeros(): MeterTotals {
    return Object.fromEntries([...this.#sums].map(([meter, sum]) => [meter, sum.toString()]));
  }

  /** The sums in the order of meters; what came to nothing is left out, so equal sums are equal objects. */
  totals(): MeterTotals {
    return Object.fromEntries(this.#sortedTotals());
  }

  /** One by one: of a million meters, few are held twice. */
  *#sortedTotals(): Generator<[string, Decimal]> {
    for (const meter of [...this.#sums.keys()].sort()) {
      const total = this.#sums.get(meter)?.toString() ?? '0';
      if (total !== '0') yield [meter, total];
    }
  }
}

/**
 * The quantity of a meter in totals; nothing where they have none. Producers name meters, and `toString` is a member of
 * every object.
 */
export function quantityOf(totals: MeterTotals | undefined, meter: string): Decimal | undefined {
  return totals && Object.hasOwn(totals, meter) ? totals[meter] : undefined;
}

/** The sum of several totals, meter by meter. */
export function sumOfTotals(...parts: MeterTotals[]): MeterTotals {
  return parts.reduce((sums, part) => sums.addAll(part), new MeterSums()).totals();
}

/** The first meter, in their order, in which two totals differ; an absent meter is zero. */
export function firstDifference(
  one: MeterTotals,
  other: MeterTotals,
): { meter: string; one: Decimal; other: Decimal } | undefined {
  if (areSameTexts(one, other)) return undefined;
  const [meter] = Object.keys(new MeterSums().addAll(one).subtractAll(other).totals());
  if (meter === undefined) return undefined;
  return { meter, one: quantityOf(one, meter) ?? '0', other: quantityOf(other, meter) ?? '0' };
}

/** Whether totals agree without any arithmetic, as nearly all do. */
function areSameTexts(one: MeterTotals, other: MeterTotals): boolean {
  const meters = Object.keys(one);
  if (meters.length !== Object.keys(other).length) return false;
  return meters.every((meter) => one[meter] === quantityOf(other, meter));
}
