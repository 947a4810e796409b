import { expect, test } from '@jest/globals';
import { obstacleToDecide } from '../../../cli/approvals/approvers.ts';
import { type Caller, interventionOf } from '../../../lib/interventions/intervention.ts';

const RUN = 'arn:aws:states:eu-central-1:123456789012:execution:halfmonth-prod-billing-period:one';
const aws = (name: string): Caller => ({ knownBy: 'aws', name });
const ANN = aws('arn:aws:sts::123456789012:assumed-role/approver/ann');
const started = (by: Caller) => interventionOf({ kind: 'run', by, subjects: [RUN], reason: '' }, 0);

test.each([
  ['anybody', 'anybody'],
  ['the very session', 'arn:aws:sts::123456789012:assumed-role/approver/ann'],
  ['the role of the session', 'arn:aws:iam::123456789012:role/approver'],
  ['the role by its whole path', 'arn:aws:iam::123456789012:role/finance/emea/approver'],
  ['one of several', 'arn:aws:iam::123456789012:user/bob,arn:aws:iam::123456789012:role/approver'],
])('%s may decide', (_who, approvers) => {
  expect(obstacleToDecide(ANN, approvers, [], RUN)).toBeUndefined();
});

test.each([
  ['another session of the role', 'arn:aws:sts::123456789012:assumed-role/approver/bob'],
  ['another role', 'arn:aws:iam::123456789012:role/approver2'],
  ['the role of another account', 'arn:aws:iam::999999999999:role/approver'],
  ['a user of that name', 'arn:aws:iam::123456789012:user/approver'],
])('where %s may, others may not', (_who, approvers) => {
  expect(obstacleToDecide(ANN, approvers, [], RUN)).toContain('is none of the approvers of this stage');
});

test('a user of a machine is no principal of IAM', () => {
  expect(
    obstacleToDecide({ knownBy: 'local user', name: 'ann' }, 'arn:aws:iam::123456789012:user/ann', [], RUN),
  ).toContain('local user ann is none of the approvers');
});

test('who started the run may not approve it; who started another may, and whoever did not', () => {
  expect(obstacleToDecide(ANN, 'anybody', [started(ANN)], RUN)).toContain('started this run at 1970-01-01');
  expect(obstacleToDecide(ANN, 'anybody', [started(ANN)], `${RUN}2`)).toBeUndefined();
  expect(obstacleToDecide(ANN, 'anybody', [started(aws('arn:aws:iam::123456789012:user/bob'))], RUN)).toBeUndefined();
});
