import { DescribeExecutionCommand, type HistoryEvent, type ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { expect, test } from '@jest/globals';
import { type ChildExecutions, failedChunks } from '../../../cli/executions/failed-chunks.ts';

const MAP_RUN = 'arn:aws:states:eu-central-1:000000000000:mapRun:halfmonth-prod-billing-period/SendChunks:one';
const CHILD = 'arn:aws:states:eu-central-1:000000000000:execution:halfmonth-prod-billing-period/SendChunks:child';
const timestamp = new Date('2026-11-17T02:00:00Z');

const event = (type: string, details: Partial<HistoryEvent> = {}): HistoryEvent =>
  // Histories have events of more types than are made here.
  ({ id: 1, timestamp, type, ...details }) as HistoryEvent;
const started = (mapRunArn: string) => event('MapRunStarted', { mapRunStartedEventDetails: { mapRunArn } });

/** Step Functions as it is on AWS alone: the local engine runs the children of a Map within their parent. */
function stepFunctions(children: Record<string, { error: string; cause: string }[]>, nextToken?: string) {
  const asked: ListExecutionsCommand['input'][] = [];
  const send = async (command: ListExecutionsCommand | DescribeExecutionCommand) => {
    if (command instanceof DescribeExecutionCommand) {
      const [mapRun, index] = String(command.input.executionArn).slice(CHILD.length).split('#');
      return { $metadata: {}, ...children[String(mapRun)]?.[Number(index)] };
    }
    asked.push(command.input);
    const mapRun = String(command.input.mapRunArn);
    const executions = (children[mapRun] ?? []).map((_, index) => ({ executionArn: `${CHILD}${mapRun}#${index}` }));
    return { $metadata: {}, executions, nextToken };
  };
  // The two overloads are one function here.
  return { client: { send } as unknown as ChildExecutions, asked };
}

test('a run that failed at a Map tells the errors of the children', async () => {
  const error = { error: 'InvoiceApiRefusedCredentials', cause: '{"errorMessage":"who are you"}' };
  const { client, asked } = stepFunctions({ [MAP_RUN]: [error] });

  const found = await failedChunks(client, [
    started('arn:earlier'),
    event('MapRunSucceeded'),
    started(MAP_RUN),
    event('MapRunFailed', { mapRunFailedEventDetails: { error: 'States.ExceedToleratedFailureThreshold' } }),
    event('ExecutionFailed'),
  ]);

  expect(found).toEqual({ chunks: [{ executionArn: `${CHILD}${MAP_RUN}#0`, ...error }], isCut: false });
  expect(asked).toEqual([expect.objectContaining({ mapRunArn: MAP_RUN, statusFilter: 'FAILED' })]);
});

test('a Map that failed again after a redrive is told, one that came through is not', async () => {
  const error = { error: 'ChunkTooLarge', cause: 'HTTP 400' };
  const { client } = stepFunctions({ [MAP_RUN]: [error] });
  const failed = [started(MAP_RUN), event('MapRunFailed'), event('ExecutionFailed'), event('ExecutionRedriven')];
  const redriven = event('MapRunRedriven', { mapRunRedrivenEventDetails: { mapRunArn: MAP_RUN, redriveCount: 1 } });

  const again = await failedChunks(client, [...failed, redriven, event('MapRunFailed')]);
  const through = await failedChunks(client, [...failed, redriven, event('MapRunSucceeded')]);

  expect(again.chunks).toMatchObject([error]);
  expect(through.chunks).toEqual([]);
});

test('where more failed than are told, that is said', async () => {
  const { client } = stepFunctions({ [MAP_RUN]: [{ error: 'ChunkMissing', cause: 'gone' }] }, 'more');

  expect(await failedChunks(client, [started(MAP_RUN), event('MapRunFailed')])).toMatchObject({ isCut: true });
});

test('a run that failed at a Task asks nothing about children', async () => {
  const { client, asked } = stepFunctions({});

  const found = await failedChunks(client, [started(MAP_RUN), event('MapRunSucceeded'), event('ExecutionFailed')]);

  expect(found.chunks).toEqual([]);
  expect(asked).toEqual([]);
});
