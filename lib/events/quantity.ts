import { type Decimal, normalize } from '../decimal/decimal.ts';
import { InexactNumber } from './json.ts';
import { type Rejection, rejection, shown } from './rejection.ts';

/** A quantity has at most this many digits before its decimal point. */
export const MAXIMUM_INTEGER_DIGITS = 18;
/** A quantity has at most this many digits after its decimal point. */
export const MAXIMUM_FRACTION_DIGITS = 12;

const PLAIN_DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const EXPONENT_DECIMAL = /^-?\d+(\.\d+)?[eE][+-]?\d{1,3}$/;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;
const LIMITS = `at most ${MAXIMUM_INTEGER_DIGITS} digits before and ${MAXIMUM_FRACTION_DIGITS} after the decimal point`;

/**
 * A quantity, exactly as it was sent, from a JSON string or number; negative ones take usage back. With at most 18 integer and
 * 12 fraction digits, 10^8 of them add up within the 38 digits that a DynamoDB Number could hold.
 */
export function readQuantity(value: unknown): Decimal | Rejection {
  if (value instanceof InexactNumber) return inexact(value);
  if (typeof value === 'number') return readNumber(value);
  if (typeof value === 'string') return readText(value);
  return rejection(
    'INVALID_QUANTITY',
    `data.quantity is ${shown(value)}; it must be a decimal as a JSON string or number, such as "12.5".`,
  );
}

function readNumber(value: number): Decimal | Rejection {
  if (!Number.isFinite(value)) return notFinite(value);
  if (Number.isSafeInteger(value)) return value === 0 ? '0' : String(value);
  return readText(String(value));
}

function readText(text: string): Decimal | Rejection {
  const plain = EXPONENT_DECIMAL.test(text) ? normalize(text) : text;
  const [, , whole, fraction = ''] = PLAIN_DECIMAL.exec(plain) ?? [];
  if (whole === undefined) return NOT_FINITE.test(text) ? notFinite(text) : notDecimal(text);
  if (whole.length > MAXIMUM_INTEGER_DIGITS) {
    return rejection('QUANTITY_TOO_LARGE', `data.quantity is ${shown(text)}; it may have ${LIMITS}.`);
  }
  if (fraction.length > MAXIMUM_FRACTION_DIGITS) {
    return rejection('QUANTITY_TOO_PRECISE', `data.quantity is ${shown(text)}; it may have ${LIMITS}.`);
  }
  return normalize(plain);
}

function inexact({ text }: InexactNumber): Rejection {
  return rejection(
    'QUANTITY_INEXACT',
    `data.quantity is the JSON number ${text.slice(0, 80)}, which a double cannot carry exactly; send it as a string.`,
  );
}

function notFinite(value: unknown): Rejection {
  return rejection('QUANTITY_NOT_FINITE', `data.quantity is ${String(value)}; it must be a finite decimal.`);
}

function notDecimal(text: string): Rejection {
  return rejection('INVALID_QUANTITY', `data.quantity is ${shown(text)}; it must be a decimal such as "12.5".`);
}
