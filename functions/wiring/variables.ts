import * as z from 'zod/mini';
import { parseQuotaWindows } from '../../lib/quota/quota.ts';
import { LONGEST_LOOK_BACK_PERIODS } from '../../lib/runs/closed-periods.ts';
import { GATE_MODES } from '../../lib/runs/gate-mode.ts';
import { readEnvironment, requiredText, timeZoneName, webAddress, wholeNumber, yesOrNo } from './environment.ts';

const quotaWindows = () =>
  requiredText().check(
    z.refine((text) => {
      try {
        return parseQuotaWindows(text).length >= 0;
      } catch {
        return false;
      }
    }, 'must be windows as "requests/seconds", such as "60/60,5000/86400", or "none"'),
  );

const share = () =>
  z.pipe(
    requiredText().check(z.regex(/^(0|1|0?\.\d+|1\.0+|0\.\d+)$/, 'must be a share from 0 to 1, such as 0.2')),
    z.transform(Number),
  );

/**
 * Every variable that a function may read, with its one check; `resources/functions.yml` says which function gets
 * which.
 */
const VARIABLES = {
  USAGE_SLICES_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  PACKAGES_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
  REJECTED_QUEUE_URL: webAddress(),
  EVENTS_QUEUE_URL: webAddress(),
  EVENTS_DEAD_LETTER_QUEUE_URL: webAddress(),
  QUEUE_WAIT_MINUTES: wholeNumber(0, 1440),
  // Set by Lambda, in MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: wholeNumber(128),
  POWERTOOLS_SERVICE_NAME: requiredText(),
  CONFIGURATION_HASH: requiredText(),
  ARCHIVE_BUCKET: requiredText(),
  ARCHIVE_RETENTION_DAYS: wholeNumber(0, 36_500),
  ARCHIVE_WAIT_SECONDS: wholeNumber(0, 5),
  CERTIFICATE_KEY: requiredText(),
  BILLING_TIME_ZONE: timeZoneName(),
  SLICE_MINUTES: wholeNumber(1, 60),
  EVENT_MAX_AGE_DAYS: wholeNumber(1, 100_000),
  SCHEDULE_ENABLED: yesOrNo(),
  GRACE_HOURS: wholeNumber(0),
  WRITE_CONCURRENCY: wholeNumber(1, 200),
  PACKAGING_RECORDS_PER_SECOND: wholeNumber(1),
  PACKAGING_TARGET_SECONDS: wholeNumber(1),
  INVOICE_API_URL: webAddress(),
  INVOICE_API_TOKEN_PARAMETER: requiredText(),
  INVOICE_API_CONCURRENCY: wholeNumber(1, 200),
  REQUEST_TIMEOUT_SECONDS: wholeNumber(1, 300),
  SEND_QUOTA: quotaWindows(),
  STATUS_QUOTA: quotaWindows(),
  SHARED_QUOTA: quotaWindows(),
  ATTEMPTS_LIMIT: wholeNumber(1, 50),
  PROCESSING_DEADLINE_SECONDS: wholeNumber(1),
  KEY_RETENTION_SECONDS: wholeNumber(1),
  POLL_START_SECONDS: wholeNumber(1),
  POLL_MAXIMUM_SECONDS: wholeNumber(1),
  CANARY: wholeNumber(0),
  FAILURE_SHARE_LIMIT: share(),
  REQUESTS_PER_SUBMISSION: wholeNumber(1, 1_000),
  GATE_MODE: z.enum(GATE_MODES, `must be one of ${GATE_MODES.join(', ')}`),
  GATE_PERIODS: wholeNumber(1, LONGEST_LOOK_BACK_PERIODS),
};
type VariableName = keyof typeof VARIABLES;

/** The environment of a process, as Node gives it. */
export type Environment = Record<string, string | undefined>;

/** The values of the variables that a function names. */
export type Variables<Name extends VariableName> = { [Each in Name]: z.output<(typeof VARIABLES)[Each]> };

/**
 * The named variables, checked.
 * @throws InvalidEnvironment naming every fault
 */
export function readVariables<Name extends VariableName>(
  environment: Environment,
  ...names: readonly Name[]
): Variables<Name> {
  const shape = Object.fromEntries(names.map((name) => [name, VARIABLES[name]]));
  // The shape holds the checks of just these names.
  return readEnvironment(z.object(shape), environment) as Variables<Name>;
}
