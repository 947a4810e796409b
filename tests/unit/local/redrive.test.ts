import { expect, test } from '@jest/globals';
import type { ExecutionRecord } from '../../../local/cloud/state-machines/execution-store.ts';
import { isSameRedrive, obstacleToRedrive } from '../../../local/cloud/state-machines/redrive.ts';

const DAY = 24 * 3600 * 1000;

function execution(changes: Partial<ExecutionRecord> = {}): ExecutionRecord {
  return {
    name: 'run',
    executionArn: 'arn:aws:states:eu-central-1:000000000000:execution:billing:run',
    stateMachineArn: 'arn:aws:states:eu-central-1:000000000000:stateMachine:billing',
    input: '{}',
    status: 'FAILED',
    startDate: Date.now() - 2 * DAY,
    stopDate: Date.now() - DAY,
    redriveCount: 0,
    ...changes,
  };
}

test.each(['FAILED', 'ABORTED', 'TIMED_OUT'] as const)('an execution that is %s can be redriven', (status) => {
  expect(obstacleToRedrive(execution({ status }), 100)).toBeUndefined();
});

test.each([
  ['it runs', execution({ status: 'RUNNING' }), 100, /RUNNING/],
  ['it succeeded', execution({ status: 'SUCCEEDED' }), 100, /SUCCEEDED/],
  ['it ended over 14 days ago', execution({ stopDate: Date.now() - 15 * DAY }), 100, /14 days/],
  ['it was redriven a thousand times', execution({ redriveCount: 1000 }), 100, /1000 times/],
  ['its history is full', execution(), 24_999, /history/],
])('an execution cannot be redriven when %s', (_when, record, events, reason) => {
  expect(obstacleToRedrive(record, events)).toMatch(reason);
});

test('a repeated client token within 15 minutes is the same redrive', () => {
  const record = execution({ redriveToken: 'token', redriveDate: Date.now() - 60_000 });

  expect(isSameRedrive(record, 'token')).toBe(true);
  expect(isSameRedrive(record, 'other')).toBe(false);
  expect(isSameRedrive(record, undefined)).toBe(false);
  expect(isSameRedrive({ ...record, redriveDate: Date.now() - 16 * 60_000 }, 'token')).toBe(false);
});
