import type { Decimal } from '../decimal/decimal.ts';
import { type Rejection, rejection, shown } from './rejection.ts';

/** A quantity has at most this many digits before its decimal point. */
export const MAXIMUM_INTEGER_DIGITS = 18;
/** A quantity has at most this many digits after its decimal point. */
export const MAXIMUM_FRACTION_DIGITS = 12;
/** So many characters of a quantity are looked at: zeros that say nothing may stand there, but not without end. */
export const MAXIMUM_QUANTITY_LENGTH = 200;

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;
const LIMITS = `at most ${MAXIMUM_INTEGER_DIGITS} digits before and ${MAXIMUM_FRACTION_DIGITS} after the decimal point`;

/**
 * A quantity, exactly as it was sent, from a JSON string or number; negative ones take usage back. With at most 18
 * integer and 12 fraction digits, 10^8 of them add up within the 38 digits that a DynamoDB Number could hold. Zeros
 * that say nothing are no digits.
 * @param numberText how it was written, where it is a JSON number
 */
export function readQuantity(value: unknown, numberText?: string): Decimal | Rejection {
  if (typeof value === 'string') return readText(value);
  if (typeof value === 'number') return readNumber(value, numberText ?? String(value));
  return rejection(
    'INVALID_QUANTITY',
    `data.quantity is ${shown(value)}; it must be a decimal as a JSON string or number, such as "12.5".`,
  );
}

function readNumber(value: number, text: string): Decimal | Rejection {
  if (text.length > MAXIMUM_QUANTITY_LENGTH) return tooLong(text);
  const shortest = readText(String(value));
  // A double, written in its shortest form, is the very decimal that stood in the text, or digits were lost.
  if (Number.isFinite(value) && significantText(text) === significantText(String(value))) return shortest;
  return rejection(
    'QUANTITY_INEXACT',
    `data.quantity is the JSON number ${text.slice(0, 80)}, which a double cannot carry exactly; send it as a string.`,
  );
}

function readText(text: string): Decimal | Rejection {
  if (text.length > MAXIMUM_QUANTITY_LENGTH) return tooLong(text);
  const significant = significantOf(text);
  if (!significant) return NOT_FINITE.test(text) ? notFinite(text) : notDecimal(text);
  const { sign, digits, exponent } = significant;
  if (digits === '') return '0';
  if (digits.length + exponent > MAXIMUM_INTEGER_DIGITS) {
    return rejection('QUANTITY_TOO_LARGE', `data.quantity is ${shown(text)}; it may have ${LIMITS}.`);
  }
  if (-exponent > MAXIMUM_FRACTION_DIGITS) {
    return rejection('QUANTITY_TOO_PRECISE', `data.quantity is ${shown(text)}; it may have ${LIMITS}.`);
  }
  return `${sign}${plain(digits, exponent)}`;
}

/** A decimal as its significant digits times a power of ten; no digits for zero. */
interface Significant {
  sign: string;
  digits: string;
  exponent: number;
}

function significantOf(text: string): Significant | undefined {
  const [, sign = '', whole, fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const all = whole + fraction;
  let start = 0;
  let end = all.length;
  while (start < end && all[start] === '0') start += 1;
  while (end > start && all[end - 1] === '0') end -= 1;
  return { sign, digits: all.slice(start, end), exponent: Number(exponent) - fraction.length + (all.length - end) };
}

/** Equal for equal decimals, however they are written. */
function significantText(text: string): string {
  const { sign, digits, exponent } = significantOf(text) ?? { sign: '', digits: text, exponent: 0 };
  return digits === '' ? '0' : `${sign}${digits}e${exponent}`;
}

function plain(digits: string, exponent: number): Decimal {
  if (exponent >= 0) return digits + '0'.repeat(exponent);
  const point = digits.length + exponent;
  return point > 0 ? `${digits.slice(0, point)}.${digits.slice(point)}` : `0.${'0'.repeat(-point)}${digits}`;
}

function tooLong(text: string): Rejection {
  return rejection(
    'INVALID_QUANTITY',
    `data.quantity has ${text.length} characters; it may have ${MAXIMUM_QUANTITY_LENGTH}, and ${LIMITS}.`,
  );
}

function notFinite(text: string): Rejection {
  return rejection('QUANTITY_NOT_FINITE', `data.quantity is ${shown(text)}; it must be a finite decimal.`);
}

function notDecimal(text: string): Rejection {
  return rejection('INVALID_QUANTITY', `data.quantity is ${shown(text)}; it must be a decimal such as "12.5".`);
}
