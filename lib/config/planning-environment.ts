import * as z from 'zod/mini';
import { readEnvironment, requiredText, wholeNumber } from './environment.ts';

const schema = z.object({
  RUNS_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  SLICE_MINUTES: wholeNumber(1, 60),
  PACKAGING_RECORDS_PER_SECOND: wholeNumber(1),
  PACKAGING_TARGET_SECONDS: wholeNumber(1),
});

/** What plan needs of its environment. */
export type PlanningEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function planningEnvironment(environment: Record<string, string | undefined>): PlanningEnvironment {
  return readEnvironment(schema, environment);
}
