import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, expect, test } from '@jest/globals';
import type { InvocationOutcome } from '../../../local/cloud/lambda/execution-environment.ts';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import { stateMachineResource, writeServicePackage } from '../../fixtures/service-package.ts';
import { until } from '../../fixtures/until.ts';

/** Fails as often as its input says, counted in its own memory, so that warm environments are needed to see it. */
const FLAKY = `
let calls = 0;
export const handler = async ({ failures, error = 'Flaky' }) => {
  calls += 1;
  if (calls <= failures) throw Object.assign(new Error('failure ' + calls), { name: error });
  return { calls };
};`;
const ECHO = 'export const handler = async (input) => input;';
const RETRY = [
  { ErrorEquals: ['Flaky'], IntervalSeconds: 1, MaxAttempts: 3, MaxDelaySeconds: 1, JitterStrategy: 'FULL' },
];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Running {
  cloud: LocalCloud;
  sfn: SFNClient;
  stateMachineArn: string;
}

async function startWith(
  definition: object,
  functions: Record<string, string>,
  options: Partial<LocalCloudOptions> = {},
): Promise<Running> {
  const service = writeServicePackage({
    functions,
    resources: { Machine: stateMachineResource(definition) },
    outputs: { MachineArn: { Value: { Ref: 'Machine' } } },
  });
  cleanups.push(service.remove);
  const cloud = await startLocalCloud({ packageFolder: service.folder, ...options });
  cleanups.push(cloud.stop);
  const sfn = new SFNClient({
    endpoint: cloud.endpoints.stepFunctions,
    region: cloud.region,
    credentials: cloud.credentials,
  });
  cleanups.push(() => sfn.destroy());
  return { cloud, sfn, stateMachineArn: cloud.outputs.MachineArn ?? '' };
}

async function start({ sfn, stateMachineArn }: Running, input: unknown, name?: string): Promise<string> {
  const started = await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
  return started.executionArn ?? '';
}

function ended({ sfn }: Running, executionArn: string) {
  return until('the end of the execution', async () => {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    return execution.status === 'RUNNING' ? undefined : execution;
  });
}

async function historyOf({ sfn }: Running, executionArn: string): Promise<HistoryEvent[]> {
  const { events } = await sfn.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
  return events ?? [];
}

const task = (name: string, more: object = {}) => ({ Type: 'Task', Resource: `\${${name}}`, ...more });

test('a Task is tried again as its Retry says, and the history shows each attempt', async () => {
  const running = await startWith(
    { StartAt: 'Work', States: { Work: task('flaky', { Retry: RETRY, End: true }) } },
    { flaky: FLAKY },
  );

  const executionArn = await start(running, { failures: 2 });
  const execution = await ended(running, executionArn);

  expect(execution).toMatchObject({ status: 'SUCCEEDED', output: '{"calls":3}', redriveCount: 0 });
  expect((await historyOf(running, executionArn)).map(({ type }) => type)).toEqual([
    'ExecutionStarted',
    'TaskStateEntered',
    'LambdaFunctionScheduled',
    'LambdaFunctionStarted',
    'LambdaFunctionFailed',
    'LambdaFunctionScheduled',
    'LambdaFunctionStarted',
    'LambdaFunctionFailed',
    'LambdaFunctionScheduled',
    'LambdaFunctionStarted',
    'LambdaFunctionSucceeded',
    'TaskStateExited',
    'ExecutionSucceeded',
  ]);
});

test("an error's name and message reach DescribeExecution as Lambda gives them to Step Functions", async () => {
  const running = await startWith(
    { StartAt: 'Work', States: { Work: task('flaky', { End: true }) } },
    { flaky: FLAKY },
  );

  const execution = await ended(running, await start(running, { failures: 1, error: 'PeriodLocked' }));

  expect(execution).toMatchObject({ status: 'FAILED', error: 'PeriodLocked', redriveStatus: 'REDRIVABLE' });
  expect(JSON.parse(execution.cause ?? '')).toMatchObject({ errorType: 'PeriodLocked', errorMessage: 'failure 1' });
});

test('a Map hands each item to its children, waits until a timestamp, and drops the result where ResultPath is null', async () => {
  const running = await startWith(
    {
      StartAt: 'Each',
      States: {
        Each: {
          Type: 'Map',
          ItemsPath: '$.plan.chunks',
          MaxConcurrency: 2,
          ItemSelector: { 'run.$': '$.run', 'chunk.$': '$$.Map.Item.Value', 'execution.$': '$$.Execution.Name' },
          ItemProcessor: {
            ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
            StartAt: 'Wait',
            States: {
              Wait: { Type: 'Wait', TimestampPath: '$.run.at', Next: 'Child' },
              Child: task('child', { Next: 'IsDone' }),
              IsDone: {
                Type: 'Choice',
                Choices: [{ Variable: '$.done', BooleanEquals: false, Next: 'Child' }],
                Default: 'Done',
              },
              Done: { Type: 'Pass', Result: {}, End: true },
            },
          },
          ResultPath: null,
          Next: 'After',
        },
        After: task('child', { ResultPath: '$.after', End: true }),
      },
    },
    {
      // Each chunk takes two calls, like a worker that runs short of time.
      child: `export const handler = async (input) =>
        'plan' in input ? { chunks: input.plan.chunks.length } : { ...input, done: 'done' in input };`,
    },
  );
  const input = { run: { at: new Date(Date.now() + 500).toISOString() }, plan: { chunks: [1, 2, 3] } };

  const executionArn = await start(running, input, 'mapped');
  const execution = await ended(running, executionArn);

  expect(JSON.parse(execution.output ?? '')).toEqual({ ...input, after: { chunks: 3 } });
  const history = await historyOf(running, executionArn);
  const started = history.find(({ type }) => type === 'MapStateStarted');
  expect(started?.mapStateStartedEventDetails?.length).toBe(3);
  const ofType = (type: string) => history.filter((event) => event.type === type);
  expect(
    ofType('MapIterationSucceeded')
      .map((event) => event.mapIterationSucceededEventDetails?.index)
      .sort(),
  ).toEqual([0, 1, 2]);
  const inputs = ofType('TaskStateEntered').map(({ stateEnteredEventDetails }) =>
    JSON.parse(stateEnteredEventDetails?.input ?? ''),
  );
  expect(inputs).toContainEqual({ run: input.run, chunk: 2, execution: 'mapped', done: false });
});

test('the context object names the execution', async () => {
  const running = await startWith(
    {
      StartAt: 'Work',
      States: {
        Work: task('echo', {
          Parameters: {
            'input.$': '$',
            'arn.$': '$$.Execution.Id',
            'name.$': '$$.Execution.Name',
            'startedAt.$': '$$.Execution.StartTime',
            'redriveCount.$': '$$.Execution.RedriveCount',
            'machine.$': '$$.StateMachine.Name',
          },
          End: true,
        }),
      },
    },
    { echo: ECHO },
  );

  const executionArn = await start(running, { period: '2026-11-H1' }, 'one');
  const execution = await ended(running, executionArn);

  expect(JSON.parse(execution.output ?? '')).toEqual({
    input: { period: '2026-11-H1' },
    arn: executionArn,
    name: 'one',
    startedAt: execution.startDate?.toISOString(),
    redriveCount: 0,
    machine: 'test-machine',
  });
});

test('a name is used once: the same input while it runs gives the same execution, anything else is refused', async () => {
  const running = await startWith(
    { StartAt: 'Wait', States: { Wait: { Type: 'Wait', Seconds: 600, End: true } } },
    { echo: ECHO },
  );

  const first = await start(running, { a: 1 }, 'once');
  const again = await start(running, { a: 1 }, 'once');

  expect(again).toBe(first);
  await expect(start(running, { a: 2 }, 'once')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  await running.sfn.send(new StopExecutionCommand({ executionArn: first }));
  await expect(start(running, { a: 1 }, 'once')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
});

test('a request that makes no sense gets the error that AWS gives', async () => {
  const running = await startWith({ StartAt: 'Work', States: { Work: task('echo', { End: true }) } }, { echo: ECHO });
  const { sfn, stateMachineArn } = running;

  const notJson = new StartExecutionCommand({ stateMachineArn, input: 'not JSON' });
  const badName = new StartExecutionCommand({ stateMachineArn, name: 'a b' });
  const noMachine = new StartExecutionCommand({ stateMachineArn: `${stateMachineArn}-2` });
  const noArn = new StartExecutionCommand({ stateMachineArn: 'machine' });
  const noExecution = new DescribeExecutionCommand({
    executionArn: `${stateMachineArn.replace('stateMachine', 'execution')}:none`,
  });

  await expect(sfn.send(notJson)).rejects.toMatchObject({ name: 'InvalidExecutionInput' });
  await expect(sfn.send(badName)).rejects.toMatchObject({ name: 'InvalidName' });
  await expect(sfn.send(noMachine)).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
  await expect(sfn.send(noArn)).rejects.toMatchObject({ name: 'InvalidArn' });
  await expect(sfn.send(noExecution)).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
});

test('lists are paged, filtered and newest first', async () => {
  const running = await startWith({ StartAt: 'Work', States: { Work: task('echo', { End: true }) } }, { echo: ECHO });
  const { sfn, stateMachineArn } = running;
  for (const name of ['a', 'b', 'c']) await ended(running, await start(running, {}, name));

  const first = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn, maxResults: 2, statusFilter: 'SUCCEEDED' }),
  );
  const second = await sfn.send(
    new ListExecutionsCommand({ stateMachineArn, maxResults: 2, nextToken: first.nextToken }),
  );
  const failed = await sfn.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: 'FAILED' }));
  const machines = await sfn.send(new ListStateMachinesCommand({}));

  expect(first.executions?.map(({ name }) => name)).toEqual(['c', 'b']);
  expect(second.executions?.map(({ name }) => name)).toEqual(['a']);
  expect(second.nextToken).toBeUndefined();
  expect(failed.executions).toEqual([]);
  expect(machines.stateMachines).toMatchObject([{ name: 'test-machine', stateMachineArn, type: 'STANDARD' }]);
});

test('a history is paged in both orders', async () => {
  const running = await startWith({ StartAt: 'Work', States: { Work: task('echo', { End: true }) } }, { echo: ECHO });
  const executionArn = await start(running, {});
  await ended(running, executionArn);

  const first = await running.sfn.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 3, includeExecutionData: false }),
  );
  const second = await running.sfn.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, nextToken: first.nextToken }),
  );

  expect(first.events?.map(({ id }) => id)).toEqual([7, 6, 5]);
  expect(second.events?.map(({ id }) => id)).toEqual([4, 3, 2, 1]);
  expect(first.events?.at(0)).toMatchObject({ type: 'ExecutionSucceeded', previousEventId: 6 });
  expect(first.events?.at(0)?.executionSucceededEventDetails).toEqual({});
});

test('a stopped execution is aborted at once, keeps its reason, and does no more work', async () => {
  const invocations: string[] = [];
  const running = await startWith(
    {
      StartAt: 'Wait',
      States: { Wait: { Type: 'Wait', SecondsPath: '$.seconds', Next: 'Work' }, Work: task('echo', { End: true }) },
    },
    { echo: ECHO },
    { observer: { onInvocation: ({ functionName }) => invocations.push(functionName) } },
  );
  const executionArn = await start(running, { seconds: 600 });

  await running.sfn.send(new StopExecutionCommand({ executionArn, error: 'Operator', cause: 'wrong period' }));

  const execution = await ended(running, executionArn);
  expect(execution).toMatchObject({ status: 'ABORTED', error: 'Operator', cause: 'wrong period' });
  const history = await historyOf(running, executionArn);
  expect(history.at(-1)).toMatchObject({
    type: 'ExecutionAborted',
    executionAbortedEventDetails: { error: 'Operator' },
  });
  expect(invocations).toEqual([]);
});

test("a redrive goes on at the failed state with that state's input, and does not repeat the states before it", async () => {
  const running = await startWith(
    {
      StartAt: 'Before',
      States: {
        Before: task('echo', { ResultPath: '$.before', Next: 'Work' }),
        Work: task('flaky', { ResultPath: '$.work', End: true }),
      },
    },
    { echo: ECHO, flaky: FLAKY },
  );
  const executionArn = await start(running, { failures: 1 });
  const failed = await ended(running, executionArn);

  await running.sfn.send(new RedriveExecutionCommand({ executionArn }));
  const redriven = await ended(running, executionArn);

  expect(failed.status).toBe('FAILED');
  expect(redriven).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1, startDate: failed.startDate });
  expect(redriven.error).toBeUndefined();
  expect(JSON.parse(redriven.output ?? '')).toEqual({ failures: 1, before: { failures: 1 }, work: { calls: 2 } });
  const history = await historyOf(running, executionArn);
  const entered = history.map(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name).filter(Boolean);
  expect(entered).toEqual(['Before', 'Work', 'Work']);
  expect(history.find(({ type }) => type === 'ExecutionRedriven')?.executionRedrivenEventDetails?.redriveCount).toBe(1);
  await expect(running.sfn.send(new RedriveExecutionCommand({ executionArn }))).rejects.toMatchObject({
    name: 'ExecutionNotRedrivable',
  });
});

test('when one item of a Map fails, items that have not begun are not begun, and a redrive runs the Map again', async () => {
  const running = await startWith(
    {
      StartAt: 'Each',
      States: {
        Each: {
          Type: 'Map',
          ItemsPath: '$.items',
          MaxConcurrency: 1,
          ItemProcessor: { StartAt: 'Child', States: { Child: task('child', { End: true }) } },
          End: true,
        },
      },
    },
    {
      child: `let broken = true;
      export const handler = async (item) => {
        if (item === 2 && broken) { broken = false; throw new Error('item 2'); }
        return item;
      };`,
    },
  );
  const executionArn = await start(running, { items: [1, 2, 3, 4, 5, 6] });
  const failed = await ended(running, executionArn);
  const enteredBefore = (await historyOf(running, executionArn)).filter(({ type }) => type === 'TaskStateEntered');

  await running.sfn.send(new RedriveExecutionCommand({ executionArn }));
  const redriven = await ended(running, executionArn);

  expect(failed).toMatchObject({ status: 'FAILED', error: 'Error' });
  expect(enteredBefore.length).toBeLessThan(6);
  expect(redriven).toMatchObject({ status: 'SUCCEEDED', output: '[1,2,3,4,5,6]' });
});

test('with a data folder, executions are there after a restart, and one that was running goes on', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'halfmonth-test-data-'));
  cleanups.push(() => rmSync(dataFolder, { recursive: true, force: true }));
  const definition = {
    StartAt: 'Before',
    States: {
      Before: task('echo', { Next: 'Wait' }),
      Wait: { Type: 'Wait', TimestampPath: '$.until', Next: 'Work' },
      Work: task('echo', { End: true }),
    },
  };
  const before = await startWith(definition, { echo: ECHO }, { dataFolder });
  const done = await start(before, { until: '2026-01-01T00:00:00Z' }, 'done');
  await ended(before, done);
  const waiting = await start(before, { until: new Date(Date.now() + 3000).toISOString() }, 'waiting');
  await until('the Wait', async () =>
    (await historyOf(before, waiting)).find(({ type }) => type === 'WaitStateEntered'),
  );
  await before.cloud.stop();

  const after = await startWith(definition, { echo: ECHO }, { dataFolder });

  const resumed = await ended(after, waiting);
  expect(resumed.status).toBe('SUCCEEDED');
  const { executions } = await after.sfn.send(new ListExecutionsCommand({ stateMachineArn: after.stateMachineArn }));
  expect(executions?.map(({ name, status }) => [name, status])).toEqual([
    ['waiting', 'SUCCEEDED'],
    ['done', 'SUCCEEDED'],
  ]);
  const ids = (await historyOf(after, waiting)).map(({ id }) => id);
  expect(ids).toEqual(ids.map((_, index) => index + 1));
  const entered = (await historyOf(after, waiting))
    .map((event) => event.stateEnteredEventDetails?.name)
    .filter(Boolean);
  expect(entered).toEqual(['Before', 'Wait', 'Wait', 'Work']);
});

test("a state's input over 256 KiB fails the execution, whatever is retried", async () => {
  const running = await startWith(
    {
      StartAt: 'Grow',
      States: { Grow: task('grow', { Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1 }], End: true }) },
    },
    { grow: `export const handler = async () => 'x'.repeat(300_000);` },
  );

  const execution = await ended(running, await start(running, {}));

  expect(execution).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
});

test('an interceptor lets a Task fail before or after its function has run, and the function of a stopped one runs on', async () => {
  const calls: string[] = [];
  let hasRunOn: (outcome: InvocationOutcome) => void = () => {};
  const ranOn = new Promise<InvocationOutcome>((resolve) => {
    hasRunOn = resolve;
  });
  const running = await startWith(
    {
      StartAt: 'First',
      States: { First: task('echo', { Next: 'Second' }), Second: task('echo', { Retry: RETRY, End: true }) },
    },
    { echo: ECHO },
    {
      observer: { onInvocation: ({ functionName }) => calls.push(functionName) },
      interceptTask: async ({ executionArn, stateName, input }, invoke) => {
        const { fault } = input as { fault?: string };
        if (stateName === 'First') return invoke();
        if (fault === 'before') return { error: { errorType: 'Broken', errorMessage: 'before its effect' } };
        if (fault === 'after') {
          await invoke();
          return { error: { errorType: 'Broken', errorMessage: 'after its effect' } };
        }
        await running.sfn.send(new StopExecutionCommand({ executionArn }));
        const outcome = await invoke();
        hasRunOn(outcome);
        return outcome;
      },
    },
  );

  const before = await ended(running, await start(running, { fault: 'before' }));
  const callsBefore = calls.length;
  const after = await ended(running, await start(running, { fault: 'after' }));
  const callsAfter = calls.length;
  const stopped = await ended(running, await start(running, {}));

  expect(before).toMatchObject({ status: 'FAILED', error: 'Broken' });
  expect(callsBefore).toBe(1);
  expect(after).toMatchObject({ status: 'FAILED', error: 'Broken' });
  expect(callsAfter).toBe(3);
  expect(stopped.status).toBe('ABORTED');
  expect(await ranOn).toEqual({ payload: '{}' });
});
