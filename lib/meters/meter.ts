import * as z from 'zod/mini';
import { compare } from '../decimal/decimal.ts';
import { METER_KINDS } from './measure.ts';

/** What a quantity has in front of and behind its point at most (see `lib/events/quantity.ts`). */
const DECIMAL = /^-?(0|[1-9]\d{0,17})(\.\d{1,12})?$/;
const MAXIMUM_DECIMALS = 12;
const DECIMALS_RULE = `must be a whole number from 0 to ${MAXIMUM_DECIMALS}`;
const LONGEST_UNIT = 64;
const UNIT_RULE = `must be one line of plain text, 1 to ${LONGEST_UNIT} characters`;

const bound = z
  .string('must be a decimal as text, such as "0" or "99.5"')
  .check(z.regex(DECIMAL, 'must be a decimal as text, such as "0" or "99.5"'));
const day = z.string('must be a day such as 2026-11-01').check(z.refine(isDay, 'must be a day such as 2026-11-01'));

/**
 * What is said of a meter. Bounds and decimals are of one event's quantity; an event that breaks one is rejected. Days
 * are of the billing time zone.
 */
export const meterSchema = z
  .strictObject(
    {
      kind: z._default(z.enum(METER_KINDS, `must be one of ${METER_KINDS.join(', ')}`), 'sum'),
      /** What the quantity is of, in words, such as `GB`; it stands on package lines. */
      unit: z.optional(z.string(UNIT_RULE).check(z.regex(/^[^\p{C}]{1,64}$/u, UNIT_RULE))),
      /** Whether usage may be taken back: `any` (the default), or `notNegative`. */
      sign: z.optional(z.enum(['any', 'notNegative'], 'must be any or notNegative')),
      minimum: z.optional(bound),
      maximum: z.optional(bound),
      /** Digits after the decimal point at most, 0 to 12. */
      decimals: z.optional(z.int(DECIMALS_RULE).check(z.gte(0, DECIMALS_RULE), z.lte(MAXIMUM_DECIMALS, DECIMALS_RULE))),
      /** The first day on which it counts. */
      activeFrom: z.optional(day),
      /** The last day on which it counts. */
      activeUntil: z.optional(day),
    },
    {
      error: ({ code, keys }) =>
        code === 'unrecognized_keys' ? `has no field ${keys.join(', ')}` : 'must be the fields of a meter',
    },
  )
  .check(
    z.refine(({ minimum, maximum }) => !minimum || !maximum || compare(minimum, maximum) <= 0, {
      path: ['minimum'],
      error: 'must not be above maximum',
    }),
    z.refine(({ activeFrom, activeUntil }) => !activeFrom || !activeUntil || activeFrom <= activeUntil, {
      path: ['activeFrom'],
      error: 'must not be after activeUntil',
    }),
    z.refine(({ kind, sign }) => kind !== 'maximum' || sign !== 'any', {
      path: ['sign'],
      error: 'of a maximum is notNegative: without an event its quantity is nothing, which is less than none',
    }),
    z.refine(({ kind, ...rules }) => kind !== 'count' || !hasQuantityRules(rules), {
      path: ['kind'],
      error: 'a count takes every quantity, so it has no sign, bounds or decimals',
    }),
  );

/** See {@link meterSchema}. */
export type MeterDefinition = z.output<typeof meterSchema>;

/** One entry of a meter's history; what was said before it stays in the table. */
export interface RegisteredMeter extends MeterDefinition {
  name: string;
  /** Counts a meter's entries, from 1. */
  version: number;
  /** RFC 3339, UTC. */
  registeredAt: string;
}

/** Whether two say the same of a meter. */
export function isSameMeter(one: MeterDefinition, other: MeterDefinition): boolean {
  return METER_FIELDS.every((field) => one[field] === other[field]);
}

/** All that can be said of a meter. */
export const METER_FIELDS = [
  'kind',
  'unit',
  'sign',
  'minimum',
  'maximum',
  'decimals',
  'activeFrom',
  'activeUntil',
] as const satisfies (keyof MeterDefinition)[];

function hasQuantityRules({ sign, minimum, maximum, decimals }: Omit<MeterDefinition, 'kind'>): boolean {
  return [sign, minimum, maximum, decimals].some((rule) => rule !== undefined);
}

function isDay(text: string): boolean {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}
