import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  RedriveExecutionCommand,
  SendTaskFailureCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, expect, test } from '@jest/globals';
import { startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import { stateMachineResource, writeServicePackage } from '../../fixtures/service-package.ts';
import { until } from '../../fixtures/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Tells its token, as a service would that asks a person. */
const ASKING = `export const handler = async ({ token, who }) => {
  if (!who) throw Object.assign(new Error('nobody to ask'), { name: 'NobodyToAsk' });
  console.log('token of ' + who + ': ' + token + ';');
};`;

async function asking(timeoutSeconds: number) {
  const tokens: string[] = [];
  const service = writeServicePackage({
    functions: { ask: ASKING },
    resources: {
      Machine: stateMachineResource({
        StartAt: 'Ask',
        States: {
          Ask: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
            Parameters: { FunctionName: '${ask}', Payload: { 'token.$': '$$.Task.Token', 'who.$': '$.who' } },
            ResultPath: '$.answer',
            TimeoutSeconds: timeoutSeconds,
            End: true,
          },
        },
      }),
    },
    outputs: { MachineArn: { Value: { Ref: 'Machine' } } },
  });
  cleanups.push(service.remove);
  const cloud = await startLocalCloud({
    packageFolder: service.folder,
    observer: { onLog: ({ line }) => tokens.push(...(/token of .*?: ([\w-]+);/.exec(line)?.slice(1) ?? [])) },
  });
  cleanups.push(cloud.stop);
  const { region, credentials } = cloud;
  const sfn = new SFNClient({ endpoint: cloud.endpoints.stepFunctions, region, credentials });
  cleanups.push(() => sfn.destroy());
  const start = async (input: unknown) => {
    const stateMachineArn = cloud.outputs.MachineArn ?? '';
    const command = new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) });
    return (await sfn.send(command)).executionArn ?? '';
  };
  const ended = (executionArn: string) =>
    until('the end of the execution', async () => {
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      return execution.status === 'RUNNING' ? undefined : execution;
    });
  const tokenNumber = (number: number) => until('a token', async () => tokens[number - 1]);
  return { sfn, start, ended, tokenNumber };
}

test('a Task waits for its token, and what is said with it is its result', async () => {
  const { sfn, start, ended, tokenNumber } = await asking(600);
  const executionArn = await start({ who: 'anna' });
  const taskToken = await tokenNumber(1);
  const waiting = await sfn.send(new DescribeExecutionCommand({ executionArn }));

  await sfn.send(new SendTaskSuccessCommand({ taskToken, output: '{"isApproved":true}' }));

  const execution = await ended(executionArn);
  expect(waiting.status).toBe('RUNNING');
  expect(execution).toMatchObject({ status: 'SUCCEEDED', output: '{"who":"anna","answer":{"isApproved":true}}' });
  const { events } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
  expect(events?.map(({ type }) => type)).toEqual([
    'ExecutionStarted',
    'TaskStateEntered',
    'TaskScheduled',
    'TaskStarted',
    'TaskSucceeded',
    'TaskStateExited',
    'ExecutionSucceeded',
  ]);
});

test('a token says something once; one that nobody issued and an answer that is no JSON are refused', async () => {
  const { sfn, start, ended, tokenNumber } = await asking(600);
  const executionArn = await start({ who: 'anna' });
  const taskToken = await tokenNumber(1);
  const say = (token: string, output = '{}') => sfn.send(new SendTaskSuccessCommand({ taskToken: token, output }));

  await expect(say('invented')).rejects.toMatchObject({ name: 'InvalidToken' });
  await expect(say(taskToken, 'yes')).rejects.toMatchObject({ name: 'InvalidOutput' });
  await say(taskToken);
  await expect(say(taskToken)).rejects.toMatchObject({ name: 'TaskTimedOut' });

  expect(await ended(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
});

test('a failure that is said with a token, and one of the function itself, fail the Task by their names', async () => {
  const { sfn, start, ended, tokenNumber } = await asking(600);
  const refused = await start({ who: 'anna' });
  const taskToken = await tokenNumber(1);

  await sfn.send(new SendTaskFailureCommand({ taskToken, error: 'Refused', cause: 'too much' }));

  expect(await ended(refused)).toMatchObject({ status: 'FAILED', error: 'Refused', cause: 'too much' });
  expect(await ended(await start({ who: '' }))).toMatchObject({ status: 'FAILED', error: 'NobodyToAsk' });
});

test('a Task that waited too long fails, its token is worth nothing, and a redrive asks anew', async () => {
  const { sfn, start, ended, tokenNumber } = await asking(1);
  const executionArn = await start({ who: 'anna' });
  const late = await tokenNumber(1);
  const timedOut = await ended(executionArn);

  await expect(sfn.send(new SendTaskSuccessCommand({ taskToken: late, output: '{}' }))).rejects.toMatchObject({
    name: 'TaskTimedOut',
  });
  await sfn.send(new RedriveExecutionCommand({ executionArn }));
  const anew = await tokenNumber(2);

  expect(timedOut).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  expect(anew).not.toBe(late);
});
