import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, webAddress, wholeNumber } from './environment.ts';

const schema = z.object({
  BILLING_TIME_ZONE: timeZoneName(),
  SLICE_MINUTES: wholeNumber(1, 60),
  EVENT_MAX_AGE_DAYS: wholeNumber(1, 100_000),
  WRITE_CONCURRENCY: wholeNumber(1, 200),
  USAGE_SLICES_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
  REJECTED_QUEUE_URL: webAddress(),
});

/** What aggregate-events needs of its environment. */
export type CountingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function countingEnvironment(environment: Record<string, string | undefined>): CountingEnvironment {
  return readEnvironment(schema, environment);
}
