import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, wholeNumber, yesOrNo } from './environment.ts';

const schema = z.object({
  BILLING_TIME_ZONE: timeZoneName(),
  SLICE_MINUTES: wholeNumber(1, 60),
  EVENT_MAX_AGE_DAYS: wholeNumber(1),
  GRACE_HOURS: wholeNumber(0),
  SCHEDULE_ENABLED: yesOrNo(),
  USAGE_SLICES_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  PACKAGES_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
});

/** What watch-periods needs of its environment. */
export type WatchingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function watchingEnvironment(environment: Record<string, string | undefined>): WatchingEnvironment {
  return readEnvironment(schema, environment);
}
