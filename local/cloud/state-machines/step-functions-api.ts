import { z } from 'zod';
import type { Service } from '../aws-api/aws-api-server.ts';
import { AwsError } from '../aws-api/aws-error.ts';
import { type Page, pageOf } from '../aws-api/paging.ts';
import type { Execution } from './execution.ts';
import type { ExecutionRecord } from './execution-store.ts';
import type { HistoryEvent } from './history.ts';
import { isSameRedrive, obstacleToRedrive } from './redrive.ts';
import type { LocalStateMachine } from './state-machine.ts';
import type { TaskVerdict } from './task-tokens.ts';

const statuses = z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']);
const paging = { maxResults: z.int().min(0).max(1000).optional(), nextToken: z.string().optional() };
const byExecution = z.object({ executionArn: z.string() });
const byStateMachine = z.object({ stateMachineArn: z.string() });
const startExecution = z.object({
  stateMachineArn: z.string(),
  name: z.string().optional(),
  input: z.string().optional(),
});
const stopExecution = byExecution.extend({
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
});
const redriveExecution = byExecution.extend({ clientToken: z.string().min(1).max(64).optional() });
const sendTaskSuccess = z.object({ taskToken: z.string(), output: z.string() });
const sendTaskFailure = z.object({
  taskToken: z.string(),
  error: z.string().max(256).default(''),
  cause: z.string().max(32_768).default(''),
});
const listExecutions = byStateMachine.extend({ ...paging, statusFilter: statuses.optional() });
const getExecutionHistory = byExecution.extend({
  ...paging,
  reverseOrder: z.boolean().optional(),
  includeExecutionData: z.boolean().optional(),
});

/**
 * The operations of AWS Step Functions that run and watch executions
 * (https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html).
 */
export function stepFunctionsApi(machines: LocalStateMachine[]): Service {
  const machineOf = (arn: string): LocalStateMachine => {
    const machine = machines.find((candidate) => candidate.arn === arn);
    if (machine) return machine;
    checkArn(arn, 'stateMachine');
    throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  };
  const executionOf = (arn: string): { execution: Execution; machine: LocalStateMachine } => {
    for (const machine of machines) {
      const execution = machine.execution(arn.slice(arn.lastIndexOf(':') + 1));
      if (execution?.record.executionArn === arn) return { execution, machine };
    }
    checkArn(arn, 'execution');
    throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  };
  const settle = (token: string, verdict: TaskVerdict): void => {
    const machine = machines.find(({ tokens }) => tokens.knows(token));
    if (!machine) throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
    machine.tokens.settle(token, verdict);
  };

  return {
    StartExecution(input) {
      const { stateMachineArn, name, input: executionInput } = startExecution.parse(input);
      const { record } = machineOf(stateMachineArn).start(name, executionInput);
      return { executionArn: record.executionArn, startDate: record.startDate / 1000 };
    },

    DescribeExecution(input) {
      const { execution, machine } = executionOf(byExecution.parse(input).executionArn);
      return describe(execution.record, machine.history(execution.record.name).length);
    },

    ListExecutions(input) {
      const { stateMachineArn, statusFilter, ...page } = listExecutions.parse(input);
      const all = machineOf(stateMachineArn)
        .executions()
        .map(({ record }) => summarize(record));
      const listed = all.filter(({ status }) => statusFilter === undefined || status === statusFilter);
      const { items, nextToken } = pageOf(listed, page, ({ executionArn }) => executionArn);
      return { executions: items, nextToken };
    },

    GetExecutionHistory(input) {
      const { executionArn, reverseOrder, includeExecutionData = true, ...page } = getExecutionHistory.parse(input);
      const { execution, machine } = executionOf(executionArn);
      const events = machine.history(execution.record.name);
      const { items, nextToken }: Page<HistoryEvent> = pageOf(
        reverseOrder ? events.toReversed() : events,
        page,
        ({ id }) => String(id),
      );
      return { events: includeExecutionData ? items : items.map(withoutData), nextToken };
    },

    StopExecution(input) {
      const { executionArn, error, cause } = stopExecution.parse(input);
      const { execution } = executionOf(executionArn);
      if (execution.record.status === 'RUNNING') execution.stop(error, cause);
      return { stopDate: (execution.record.stopDate ?? Date.now()) / 1000 };
    },

    RedriveExecution(input) {
      const { executionArn, clientToken } = redriveExecution.parse(input);
      const { execution, machine } = executionOf(executionArn);
      const { record } = execution;
      if (!isSameRedrive(record, clientToken)) {
        const obstacle = obstacleToRedrive(record, machine.history(record.name).length);
        if (obstacle) throw new AwsError('ExecutionNotRedrivable', obstacle);
        execution.redrive(clientToken);
      }
      return { redriveDate: (record.redriveDate ?? Date.now()) / 1000 };
    },

    SendTaskSuccess(input) {
      const { taskToken, output } = sendTaskSuccess.parse(input);
      settle(taskToken, { output: outputOf(output) });
      return {};
    },

    SendTaskFailure(input) {
      const { taskToken, error, cause } = sendTaskFailure.parse(input);
      settle(taskToken, { error, cause });
      return {};
    },

    ListStateMachines(input) {
      const page = z.object(paging).parse(input);
      const { items, nextToken } = pageOf(machines, page, ({ arn }) => arn);
      return {
        stateMachines: items.map(({ arn, name, creationDate }) => ({
          stateMachineArn: arn,
          name,
          type: 'STANDARD',
          creationDate: creationDate / 1000,
        })),
        nextToken,
      };
    },

    DescribeStateMachine(input) {
      return describeMachine(machineOf(byStateMachine.parse(input).stateMachineArn));
    },
  };
}

function describe(record: ExecutionRecord, historyEvents: number): Record<string, unknown> {
  const { output, error, cause, input } = record;
  const obstacle = obstacleToRedrive(record, historyEvents);
  return {
    ...summarize(record),
    input,
    inputDetails: { included: true },
    ...(output === undefined ? {} : { output, outputDetails: { included: true } }),
    error,
    cause,
    redriveStatus: obstacle === undefined ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
    redriveStatusReason: obstacle,
  };
}

function summarize(record: ExecutionRecord) {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, redriveCount, redriveDate } = record;
  return {
    executionArn,
    stateMachineArn,
    name,
    status,
    startDate: startDate / 1000,
    stopDate: stopDate === undefined ? undefined : stopDate / 1000,
    redriveCount,
    redriveDate: redriveDate === undefined ? undefined : redriveDate / 1000,
  };
}

function describeMachine({ arn, name, definitionText, roleArn, creationDate }: LocalStateMachine) {
  return {
    stateMachineArn: arn,
    name,
    status: 'ACTIVE',
    definition: definitionText,
    roleArn,
    type: 'STANDARD',
    creationDate: creationDate / 1000,
    loggingConfiguration: { level: 'OFF', includeExecutionData: false },
    tracingConfiguration: { enabled: false },
  };
}

function outputOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AwsError('InvalidOutput', `Invalid Output: '${String(error)}'`);
  }
}

function checkArn(arn: string, kind: 'stateMachine' | 'execution'): void {
  if (!new RegExp(`^arn:[^:]+:states:[^:]+:\\d{12}:${kind}:.+$`).test(arn)) {
    throw new AwsError('InvalidArn', `Invalid Arn: '${arn}'`);
  }
}

const DATA_KEYS = new Set(['input', 'inputDetails', 'output', 'outputDetails']);

function withoutData(event: HistoryEvent): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(event).map(([key, details]: [string, unknown]) => [
      key,
      typeof details === 'object' && details !== null
        ? Object.fromEntries(Object.entries(details).filter(([name]) => !DATA_KEYS.has(name)))
        : details,
    ]),
  );
}
