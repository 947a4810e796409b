import { Big } from 'big.js';

/**
 * An exact decimal in plain notation, normalized: no exponent, no sign before zero, no zeros that say nothing.
 * `"1250"`, `"-0.125"`, `"0"`.
 */
export type Decimal = string;

/** Beyond 130 digits on either side no DynamoDB Number exists; a longer exponent would only burn memory. */
const DECIMAL_FORM = /^-?(\d{1,130}(\.\d{0,130})?|\.\d{1,130})([eE][+-]?\d{1,3})?$/;

/** The text is not a decimal number. */
export class InvalidDecimal extends Error {
  override readonly name = 'InvalidDecimal';
  readonly code = 'INVALID_DECIMAL';
  readonly given: string;

  constructor(given: string) {
    super(`${JSON.stringify(given.slice(0, 100))} is not a decimal number such as "12.5".`);
    this.given = given;
  }
}

/** The same value in its one normalized form. Takes an exponent too. @throws InvalidDecimal */
export function normalize(value: string): Decimal {
  return format(parse(value));
}

/** `a + b`, exactly. @throws InvalidDecimal */
export function add(a: Decimal, b: Decimal): Decimal {
  return format(parse(a).plus(parse(b)));
}

/** `a * b`, exactly. @throws InvalidDecimal */
export function multiply(a: Decimal, b: Decimal): Decimal {
  return format(parse(a).times(parse(b)));
}

/** `-a`. @throws InvalidDecimal */
export function negate(a: Decimal): Decimal {
  return format(parse(a).neg());
}

/**
 * Negative when `a < b`, zero when they are equal, positive when `a > b`: fit for `Array.sort`.
 * @throws InvalidDecimal
 */
export function compare(a: Decimal, b: Decimal): number {
  return parse(a).cmp(parse(b));
}

/** At most 15 digits: such a value without its point is a safe integer. */
const SHORT_FORM = /^-?\d{1,15}$|^(?=[-\d.]{3,16}$)-?\d+\.\d+$/;

/**
 * Adds many decimals, exactly. Short values, which is what nearly every quantity is, are added as machine integers, one
 * sum for each number of fraction digits; what is long, or a sum that leaves the safe range, goes on as a big decimal.
 */
export class DecimalSum {
  /** The fraction digits of the first short value; most sums are of such values alone. */
  #scale = -1;
  /** The sum of the values with so many fraction digits, times 10^scale: always a safe integer. */
  #units = 0;
  /** The same of values with other numbers of fraction digits, at index n those with n. */
  #others: (number | undefined)[] | undefined;
  #long: Big | undefined;

  /** @throws InvalidDecimal */
  add(value: Decimal): this {
    if (SHORT_FORM.test(value)) return this.#addShort(value);
    this.#addLong(parse(value));
    return this;
  }

  /** The sum so far. */
  toString(): Decimal {
    const first = scaled(this.#units, Math.max(this.#scale, 0));
    const sum = (this.#others ?? []).reduce<Big>(
      (total, units, scale) => (units ? total.plus(scaled(units, scale)) : total),
      this.#long ? this.#long.plus(first) : first,
    );
    return format(sum);
  }

  #addShort(value: Decimal): this {
    const point = value.indexOf('.');
    const scale = point < 0 ? 0 : value.length - point - 1;
    const units = Number(point < 0 ? value : value.slice(0, point) + value.slice(point + 1));
    if (this.#scale < 0) this.#scale = scale;
    if (scale === this.#scale) {
      this.#units = this.#unitsAfter(this.#units, units, scale);
    } else {
      this.#others ??= [];
      this.#others[scale] = this.#unitsAfter(this.#others[scale] ?? 0, units, scale);
    }
    return this;
  }

  /** What stays in units; what a safe integer does not hold goes to the long sum. */
  #unitsAfter(before: number, units: number, scale: number): number {
    if (Number.isSafeInteger(before + units)) return before + units;
    this.#addLong(scaled(before, scale));
    return units;
  }

  #addLong(value: Big): void {
    this.#long = this.#long ? this.#long.plus(value) : value;
  }
}

/** The sum of all values, exactly; of none it is `"0"`. @throws InvalidDecimal */
export function sum(values: Iterable<Decimal>): Decimal {
  const total = new DecimalSum();
  for (const value of values) total.add(value);
  return total.toString();
}

function parse(value: string): Big {
  if (!DECIMAL_FORM.test(value)) throw new InvalidDecimal(value);
  return new Big(value);
}

function scaled(units: number, scale: number): Big {
  return new Big(`${units}e-${scale}`);
}

function format(value: Big): Decimal {
  return value.eq(0) ? '0' : value.toFixed();
}
