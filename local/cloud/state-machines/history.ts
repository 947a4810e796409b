import type { StateMachine } from 'aws-local-stepfunctions';

/** An event of the engine's log; the engine exports no name for the type. */
export type EngineEvent =
  ReturnType<StateMachine['run']>['eventLogs'] extends AsyncGenerator<infer Event> ? Event : never;

/** One event as `GetExecutionHistory` gives it
 * (https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html). */
export interface HistoryEvent {
  /** Seconds since the epoch. */
  timestamp: number;
  type: string;
  id: number;
  previousEventId: number;
  /** The details under their own key, such as `stateEnteredEventDetails`. */
  [details: `${string}EventDetails`]: Record<string, unknown>;
}

/** An event that has no place in a history yet. */
export type NewHistoryEvent = Omit<HistoryEvent, 'timestamp' | 'id' | 'previousEventId'>;

/** What the translation needs to know of the state machine. */
export interface HistoryContext {
  roleArn: string;
  functionOfTask: ReadonlyMap<string, string>;
  waitingTasks: ReadonlyMap<string, number>;
  /** The path to a Map's items, such as `$.plan.chunks`, by the name of the Map. */
  itemsPathOf: ReadonlyMap<string, string>;
}

/** The events of AWS that one event of the engine stands for. */
export function historyEventsOf(event: EngineEvent, context: HistoryContext): NewHistoryEvent[] {
  switch (event.type) {
    case 'ExecutionStarted':
      return [
        {
          type: 'ExecutionStarted',
          executionStartedEventDetails: { ...inputOf(event.input), roleArn: context.roleArn },
        },
      ];
    case 'ExecutionSucceeded':
      return [{ type: 'ExecutionSucceeded', executionSucceededEventDetails: outputOf(event.output) }];
    case 'ExecutionFailed':
      return [{ type: 'ExecutionFailed', executionFailedEventDetails: errorOf(event) }];
    case 'ExecutionTimeout':
      return [{ type: 'ExecutionTimedOut', executionTimedOutEventDetails: {} }];
    // Told by the caller that stopped it, who knows why.
    case 'ExecutionAborted':
      return [];
    case 'MapIterationStarted':
    case 'MapIterationSucceeded':
    case 'MapIterationFailed': {
      const key = `m${event.type.slice(1)}EventDetails` as const;
      return [{ type: event.type, ...{ [key]: { name: event.parentState.name, index: event.index } } }];
    }
    case 'ParallelBranchStarted':
    case 'ParallelBranchSucceeded':
    case 'ParallelBranchFailed':
      return [];
    case 'StateEntered':
      return [
        {
          type: `${event.state.type}StateEntered`,
          stateEnteredEventDetails: { name: event.state.name, ...inputOf(event.state.input) },
        },
        ...beginningOf(event.state, context),
      ];
    case 'StateExited':
      return [
        ...successOf(event.state, context),
        {
          type: `${event.state.type}StateExited`,
          stateExitedEventDetails: { name: event.state.name, ...outputOf(event.state.output) },
        },
      ];
    case 'StateFailed':
      return failureOf(event, context);
    case 'StateRetried':
      return beginningOf(event.state, context);
    case 'StateCaught':
      return [
        {
          type: `${event.state.type}StateExited`,
          stateExitedEventDetails: { name: event.state.name, ...outputOf(event.state.output) },
        },
      ];
    default:
      return [];
  }
}

type EngineState = Extract<EngineEvent, { type: 'StateEntered' }>['state'];

/** A Task that waits for its token calls its function as a service, whose events have other names. */
const INVOCATION = { resourceType: 'lambda', resource: 'invoke.waitForTaskToken' };

function beginningOf(
  state: EngineState,
  { functionOfTask, waitingTasks, itemsPathOf }: HistoryContext,
): NewHistoryEvent[] {
  if (state.type === 'Task' && waitingTasks.has(state.name)) {
    const parameters = JSON.stringify({ FunctionName: functionOfTask.get(state.name), Payload: state.input });
    return [
      { type: 'TaskScheduled', taskScheduledEventDetails: { ...INVOCATION, parameters } },
      { type: 'TaskStarted', taskStartedEventDetails: INVOCATION },
    ];
  }
  if (state.type === 'Task') {
    return [
      {
        type: 'LambdaFunctionScheduled',
        lambdaFunctionScheduledEventDetails: { resource: functionOfTask.get(state.name), ...inputOf(state.input) },
      },
      { type: 'LambdaFunctionStarted' },
    ];
  }
  if (state.type === 'Map') {
    const items = valueAt(itemsPathOf.get(state.name) ?? '$', state.input);
    return [
      { type: 'MapStateStarted', mapStateStartedEventDetails: { length: Array.isArray(items) ? items.length : 0 } },
    ];
  }
  return state.type === 'Parallel' ? [{ type: 'ParallelStateStarted' }] : [];
}

function successOf(state: EngineState, { waitingTasks }: HistoryContext): NewHistoryEvent[] {
  if (state.type === 'Task' && waitingTasks.has(state.name)) {
    return [{ type: 'TaskSucceeded', taskSucceededEventDetails: { ...INVOCATION, ...outputOf(state.output) } }];
  }
  if (state.type === 'Task') {
    return [{ type: 'LambdaFunctionSucceeded', lambdaFunctionSucceededEventDetails: outputOf(state.output) }];
  }
  return state.type === 'Map' || state.type === 'Parallel' ? [{ type: `${state.type}StateSucceeded` }] : [];
}

function failureOf(
  event: Extract<EngineEvent, { type: 'StateFailed' }>,
  { waitingTasks }: HistoryContext,
): NewHistoryEvent[] {
  if (event.state.type === 'Task' && waitingTasks.has(event.state.name)) {
    const details = { ...INVOCATION, ...errorOf(event) };
    return event.Error === 'States.Timeout'
      ? [{ type: 'TaskTimedOut', taskTimedOutEventDetails: details }]
      : [{ type: 'TaskFailed', taskFailedEventDetails: details }];
  }
  if (event.state.type === 'Task') {
    return event.Error === 'States.Timeout'
      ? [{ type: 'LambdaFunctionTimedOut', lambdaFunctionTimedOutEventDetails: errorOf(event) }]
      : [{ type: 'LambdaFunctionFailed', lambdaFunctionFailedEventDetails: errorOf(event) }];
  }
  return event.state.type === 'Map' || event.state.type === 'Parallel'
    ? [{ type: `${event.state.type}StateFailed` }]
    : [];
}

function inputOf(input: unknown): Record<string, unknown> {
  return { input: JSON.stringify(input), inputDetails: { truncated: false } };
}

function outputOf(output: unknown): Record<string, unknown> {
  return { output: JSON.stringify(output ?? null), outputDetails: { truncated: false } };
}

function errorOf({ Error: error, Cause: cause }: { Error: string; Cause: unknown }): Record<string, unknown> {
  return { error, cause: typeof cause === 'string' ? cause : JSON.stringify(cause) };
}

function valueAt(path: string, input: unknown): unknown {
  let value = input;
  for (const key of path.split('.').slice(1)) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}
