import { measureOfLine, type PackageLine } from '../../lib/packages/lines.ts';

/** A line's meter for a person: with its kind unless it is a sum, and its unit where it has one. */
export function lineWords(line: PackageLine): string {
  return line.unit === undefined ? measureOfLine(line) : `${measureOfLine(line)} (${line.unit})`;
}

/** A change of a quantity, its sign always shown. */
export function signed(quantity: string): string {
  return quantity.startsWith('-') ? quantity : `+${quantity}`;
}
