import { compare, type Decimal, DecimalSum } from '../decimal/decimal.ts';

/**
 * How a meter's events come to a quantity, of a day and of a period:
 * - `sum`: their quantities added up;
 * - `count`: how many there are, whatever their quantities;
 * - `maximum`: the largest of them;
 * - `latest`: the one with the latest time; of the same time, the one with the largest identity.
 */
export const METER_KINDS = ['sum', 'count', 'maximum', 'latest'] as const;
export type MeterKind = (typeof METER_KINDS)[number];

/**
 * A meter as totals name it: its name, and behind it its kind unless that is `sum`. `api_calls`, `seats#maximum`. So
 * what was counted says itself how it folds, whatever is known of the meter later.
 */
export type Measure = string;

/** In no name of a meter (see `METER_FORM`). */
const KIND_SEPARATOR = '#';

/** The measure of a meter; without a kind it is a sum. */
export function measureOf(meter: string, kind: MeterKind | undefined): Measure {
  return kind === undefined || kind === 'sum' ? meter : meter + KIND_SEPARATOR + kind;
}

/** The meter of a measure. */
export function meterOfMeasure(measure: Measure): string {
  const end = measure.indexOf(KIND_SEPARATOR);
  return end < 0 ? measure : measure.slice(0, end);
}

/** The kind of a measure. */
export function kindOfMeasure(measure: Measure): MeterKind {
  const end = measure.indexOf(KIND_SEPARATOR);
  // Only measureOf puts anything behind the separator.
  return end < 0 ? 'sum' : (measure.slice(end + 1) as MeterKind);
}

/** Whether the quantities of a kind add up over slices and days. */
export function isAdditiveKind(kind: MeterKind): boolean {
  return kind === 'sum' || kind === 'count';
}

/**
 * What a measure has come to, as slices and days keep it: the quantity; of `latest` with the time and the identity
 * before it, such that the largest text is the latest.
 */
export type MeasureValue = string;

/** What one event adds to its measure. */
export interface MeasuredEvent {
  /** 16 one-byte characters (see `lib/events/identity.ts`). */
  identity: string;
  /** Milliseconds since the epoch. */
  instant: number;
  meter: string;
  /** Of a `count`: one. */
  quantity: Decimal;
  /** Absent: a sum. */
  kind?: MeterKind;
}

/** What an event comes to by itself. */
export function valueOfEvent({ identity, instant, quantity, kind }: MeasuredEvent): MeasureValue {
  if (kind !== 'latest') return quantity;
  const order = Buffer.from(identity, 'latin1').toString('hex');
  return [new Date(instant).toISOString(), order, quantity].join(' ');
}

/** The quantity in a value. */
export function quantityOfValue(value: MeasureValue): Decimal {
  return value.slice(value.lastIndexOf(' ') + 1);
}

/** Folds values of one measure, in any order: the same values come to the same, however they are put together. */
export interface ValueFold {
  add(value: MeasureValue): this;
  toString(): MeasureValue;
}

/** A fold without a value yet, by the measure's kind. */
export function foldOf(measure: Measure): ValueFold {
  switch (kindOfMeasure(measure)) {
    case 'maximum':
      return new ExtremeFold(compare);
    case 'latest':
      return new ExtremeFold((one, other) => (one < other ? -1 : 1));
    default:
      return new DecimalSum();
  }
}

class ExtremeFold implements ValueFold {
  readonly #compare: (one: MeasureValue, other: MeasureValue) => number;
  #value: MeasureValue | undefined;

  constructor(order: (one: MeasureValue, other: MeasureValue) => number) {
    this.#compare = order;
  }

  add(value: MeasureValue): this {
    if (this.#value === undefined || this.#compare(this.#value, value) < 0) this.#value = value;
    return this;
  }

  toString(): MeasureValue {
    return this.#value ?? '0';
  }
}

/** Values by measure. */
export type MeasureValues = Record<Measure, MeasureValue>;

/** Folds values measure by measure, each by its kind. */
export class MeasureFold {
  readonly #folds = new Map<Measure, ValueFold>();

  add(measure: Measure, value: MeasureValue): this {
    const fold = this.#folds.get(measure);
    if (fold) fold.add(value);
    else this.#folds.set(measure, foldOf(measure).add(value));
    return this;
  }

  addAll(values: MeasureValues): this {
    for (const measure in values) this.add(measure, values[measure] ?? '0');
    return this;
  }

  /** In the order in which measures came, those that came to nothing too. */
  values(): MeasureValues {
    return Object.fromEntries([...this.#folds].map(([measure, fold]) => [measure, fold.toString()]));
  }
}

/**
 * What days come to in a period, as quantities by measure. A `latest` value carries its time, so the days may come in
 * any order.
 */
export function quantitiesOfDays(days: Iterable<{ totals: MeasureValues }>): Record<Measure, Decimal> {
  const fold = new MeasureFold();
  for (const { totals } of days) fold.addAll(totals);
  return quantitiesOf(fold.values());
}

/** Values as quantities; the same object where all are. */
export function quantitiesOf(values: MeasureValues): Record<Measure, Decimal> {
  let quantities: Record<Measure, Decimal> | undefined;
  for (const measure in values) {
    const value = values[measure] ?? '0';
    const quantity = quantityOfValue(value);
    if (quantity === value) continue;
    quantities ??= { ...values };
    quantities[measure] = quantity;
  }
  return quantities ?? values;
}
