import * as z from 'zod/mini';
import { HalfmonthError } from '../../lib/errors/halfmonth-error.ts';

/** The environment of a function cannot be used. The message names every variable at fault and what it should be. */
export class InvalidEnvironment extends HalfmonthError {
  readonly code = 'INVALID_ENVIRONMENT';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`This function's environment cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** A variable that must be there and must not be empty, such as the name of a table. */
export const requiredText = () => z.string('is missing').check(z.minLength(1, 'is empty'));

/** A whole number between two bounds, both included. */
export const wholeNumber = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  z.pipe(
    requiredText().check(z.regex(/^-?\d{1,15}$/, 'must be a whole number')),
    z.pipe(
      z.transform(Number),
      z.number().check(z.gte(minimum, `must be at least ${minimum}`), z.lte(maximum, `must be at most ${maximum}`)),
    ),
  );

/** An IANA time zone that this runtime knows, such as `Europe/Rome`. */
export const timeZoneName = () =>
  requiredText().check(z.refine(isTimeZone, 'must be an IANA time zone such as "Europe/Rome"'));

/** An absolute http or https address. */
export const webAddress = () =>
  requiredText().check(
    z.refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'must be an http(s) address'),
  );

/** `true` or `false`. */
export const yesOrNo = () =>
  z.pipe(
    z.enum(['true', 'false'], 'must be "true" or "false"'),
    z.transform((text) => text === 'true'),
  );

/**
 * Reads what a function needs from its environment, once, when it is loaded: a deployment that cannot work stops at its
 * first cold start and says everything that is wrong with it, not one thing at a time.
 * @param schema a `z.object` of `zod/mini`; a key is the variable's name
 * @throws InvalidEnvironment naming every fault
 */
export function readEnvironment<Schema extends z.ZodMiniObject>(
  schema: Schema,
  environment: Record<string, string | undefined>,
): z.output<Schema> {
  const parsed = z.safeParse(schema, environment);
  if (parsed.success) return parsed.data;
  throw new InvalidEnvironment(
    parsed.error.issues.map(({ path, message }) => {
      const name = path.join('.');
      const value = environment[name];
      return `${name} ${message}${value ? ` (it is ${JSON.stringify(value)})` : ''}`;
    }),
  );
}

function isTimeZone(name: string): boolean {
  // Every runtime has it. Asking loads the time zone data, which is a tenth of a cold start and not needed for UTC
  // again.
  if (name === 'UTC') return true;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}
