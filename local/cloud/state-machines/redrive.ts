import type { ExecutionRecord } from './execution-store.ts';

const DAY_MILLISECONDS = 24 * 3600 * 1000;
const REDRIVABLE_FOR_DAYS = 14;
const MOST_REDRIVES = 1000;
/** An execution may have 25,000 events, and a redrive adds some. */
const MOST_HISTORY_EVENTS = 24_999;
const TOKEN_VALID_MILLISECONDS = 15 * 60 * 1000;

/**
 * Why an execution cannot be redriven, or undefined if it can
 * (https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html#redrive-eligibility).
 */
export function obstacleToRedrive(record: ExecutionRecord, historyEvents: number): string | undefined {
  if (record.status === 'RUNNING') return 'Execution is RUNNING and cannot be redriven';
  if (record.status === 'SUCCEEDED') return 'Execution is SUCCEEDED and cannot be redriven';
  if (Date.now() - (record.stopDate ?? 0) > REDRIVABLE_FOR_DAYS * DAY_MILLISECONDS) {
    return `Execution ended more than ${REDRIVABLE_FOR_DAYS} days ago and cannot be redriven`;
  }
  if (record.redriveCount >= MOST_REDRIVES) return `Execution has been redriven ${MOST_REDRIVES} times already`;
  if (historyEvents >= MOST_HISTORY_EVENTS) return 'Execution history has too many events for a redrive';
  return undefined;
}

/** Whether a request repeats the last redrive, as its client token says. */
export function isSameRedrive(record: ExecutionRecord, clientToken: string | undefined): boolean {
  return (
    clientToken !== undefined &&
    record.redriveToken === clientToken &&
    Date.now() - (record.redriveDate ?? 0) < TOKEN_VALID_MILLISECONDS
  );
}
