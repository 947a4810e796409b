import { Big } from 'big.js';
import * as z from 'zod/mini';
import { add, negate, normalize } from '../../decimal/decimal.ts';
import type { PackageDocument } from '../../packages/document.ts';
import { measureOfLine, type PackageLine } from '../../packages/lines.ts';

/** What a meter's setting may say of its quantity, where an API does not take all digits that usage has. */
export const quantityRule = {
  /** The quantity is told in units of so many: `"1000000"` bills millions. A power of ten, so nothing is lost by it. */
  per: z.optional(z.string().check(z.regex(/^10*$/, 'must be 1, 10, 100 and so on, as text'))),
  /** The quantity is rounded to so many decimal places, half away from zero. */
  decimals: z.optional(z.int().check(z.gte(0), z.lte(12))),
};

/** See {@link quantityRule}. */
export interface QuantityRule {
  per?: string | undefined;
  decimals?: number | undefined;
}

/** A quantity as an API is told it; itself where no rule says otherwise. */
export function toldQuantity(quantity: string, { per, decimals }: QuantityRule): string {
  if (per === undefined && decimals === undefined) return quantity;
  const shift = (per ?? '1').length - 1;
  const scaled = new Big(quantity).times(new Big(10).pow(-shift));
  return normalize((decimals === undefined ? scaled : scaled.round(decimals, Big.roundHalfUp)).toFixed());
}

/**
 * What is to be billed of a document: all of a first revision, of a correction what changed. Rounding is of totals: a
 * correction bills the new rounded total less the old one, so what was billed is the rounded total after any number of
 * corrections, and never further from the usage than half a unit of its last place.
 */
export function linesToBill(
  { lines, difference }: PackageDocument,
  told: ((meter: string, quantity: string) => string) | undefined,
): readonly PackageLine[] {
  const asked = difference ? difference.lines : lines;
  if (!told) return asked;
  const totals = new Map(lines.map((line) => [measureOfLine(line), line.quantity]));
  return asked.map((line) => {
    const total = totals.get(measureOfLine(line)) ?? '0';
    const before = difference ? add(total, negate(line.quantity)) : '0';
    const quantity = add(told(line.meter, total), negate(told(line.meter, before)));
    // Days would be rounded each by itself, and their sum would be another.
    return { ...line, quantity, days: [] };
  });
}
