import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName } from './environment.ts';

const schema = z.object({ BILLING_TIME_ZONE: timeZoneName(), RUNS_TABLE: requiredText() });

/** What open-period needs of its environment. */
export type OpeningEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function openingEnvironment(environment: Record<string, string | undefined>): OpeningEnvironment {
  return readEnvironment(schema, environment);
}
