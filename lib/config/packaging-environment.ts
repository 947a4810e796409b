import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from './environment.ts';

const schema = z.object({
  BILLING_TIME_ZONE: timeZoneName(),
  SLICE_MINUTES: wholeNumber(1, 60),
  EVENT_MAX_AGE_DAYS: wholeNumber(1),
  USAGE_SLICES_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  PACKAGES_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
});

/** What package-chunk needs of its environment. */
export type PackagingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function packagingEnvironment(environment: Record<string, string | undefined>): PackagingEnvironment {
  return readEnvironment(schema, environment);
}
