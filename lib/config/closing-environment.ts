import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from './environment.ts';

const schema = z.object({
  RUNS_TABLE: requiredText(),
  BILLING_TIME_ZONE: timeZoneName(),
  CONFIGURATION_HASH: requiredText(),
  SEND_QUOTA: requiredText(),
  STATUS_QUOTA: requiredText(),
  SHARED_QUOTA: requiredText(),
  INVOICE_API_CONCURRENCY: wholeNumber(1),
});

/** What close-period needs of its environment. */
export type ClosingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function closingEnvironment(environment: Record<string, string | undefined>): ClosingEnvironment {
  return readEnvironment(schema, environment);
}
