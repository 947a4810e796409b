import type { StateMachineDefinition } from 'aws-local-stepfunctions';
import { LocalCloudError } from '../local-cloud-error.ts';

/** A state machine that the local engine cannot run; the message names the state and the reason. */
export class StateMachineUnsupported extends LocalCloudError {
  readonly code = 'STATE_MACHINE_UNSUPPORTED';
}

/** A definition as the engine runs it, and the functions that its Tasks call. */
export interface PreparedDefinition {
  definition: StateMachineDefinition;
  /** The function's ARN by the name of the Task. */
  functionOfTask: ReadonlyMap<string, string>;
  /** Tasks that wait for their token to come back, with the seconds that they may take. */
  waitingTasks: ReadonlyMap<string, number>;
}

/** A Task that calls a function and waits until somebody says with the token how it ended. */
const WAITS_FOR_TOKEN = /^arn:[^:]+:states:::lambda:invoke\.waitForTaskToken$/;

/** Stands for the token in a Task's parameters until the Task runs: the engine's context is the same for all Tasks. */
export const TOKEN_PLACEHOLDER = '$$.Task.Token';

/** Where the engine finds what AWS calls `$$.Execution`: it overwrites that key of the context object itself. */
export const EXECUTION_CONTEXT_KEY = 'ActualExecution';

/** The engine's timers hold 31 bits of milliseconds; AWS's default for a Task is longer by far. */
const LONGEST_TIMEOUT_SECONDS = 2_147_483;

type State = Record<string, unknown>;

/**
 * Prepares a definition for the engine: it finds each Task's function, gives Tasks without a time-out AWS's default and
 * leads paths to the execution's context to where the engine leaves it alone. A Distributed Map runs inline.
 * @throws StateMachineUnsupported
 */
export function prepareDefinition(text: string): PreparedDefinition {
  const functionOfTask = new Map<string, string>();
  const waitingTasks = new Map<string, number>();
  const names = new Set<string>();

  function prepareMachine(machine: State): State {
    const states = Object.entries(machine.States as Record<string, State>).map(([name, state]) => {
      if (names.has(name)) {
        throw new StateMachineUnsupported(`Two states are called ${name}; the local engine tells them by their names.`);
      }
      names.add(name);
      return [name, prepareState(name, state)];
    });
    return { ...machine, States: Object.fromEntries(states) };
  }

  function prepareState(name: string, original: State): State {
    if (original.QueryLanguage === 'JSONata') {
      throw new StateMachineUnsupported(`State ${name} uses JSONata; the local engine knows JSONPath only.`);
    }
    const state = redirectContext(original) as State; // an object stays an object
    // The whole input replaced by the result is also what a missing ResultPath means.
    if (state.ResultPath === '$') delete state.ResultPath;
    if (state.Type === 'Task') return prepareTask(name, state);
    for (const member of ['ItemProcessor', 'Iterator']) {
      if (state[member]) state[member] = prepareMachine(state[member] as State);
    }
    if (state.Branches) state.Branches = (state.Branches as State[]).map(prepareMachine);
    return state;
  }

  function prepareTask(name: string, task: State): State {
    const resource = String(task.Resource);
    if (WAITS_FOR_TOKEN.test(resource)) return prepareWaitingTask(name, task);
    if (!/^arn:[^:]+:lambda:/.test(resource)) {
      throw new StateMachineUnsupported(`Task ${name} calls ${resource}; the local cloud runs Lambda functions only.`);
    }
    functionOfTask.set(name, resource);
    if (task.TimeoutSecondsPath !== undefined) return task;
    const timeout = Math.min(Number(task.TimeoutSeconds ?? LONGEST_TIMEOUT_SECONDS), LONGEST_TIMEOUT_SECONDS);
    return { ...task, TimeoutSeconds: timeout };
  }

  function prepareWaitingTask(name: string, task: State): State {
    const { FunctionName, Payload } = (task.Parameters ?? {}) as { FunctionName?: unknown; Payload?: unknown };
    if (typeof FunctionName !== 'string' || Payload === undefined) {
      throw new StateMachineUnsupported(
        `Task ${name} waits for a token and needs Parameters.FunctionName and Payload.`,
      );
    }
    for (const member of ['TimeoutSecondsPath', 'HeartbeatSeconds', 'HeartbeatSecondsPath', 'ResultSelector']) {
      if (task[member] === undefined) continue;
      throw new StateMachineUnsupported(`Task ${name} waits for a token; the local engine knows no ${member} there.`);
    }
    functionOfTask.set(name, FunctionName);
    const TimeoutSeconds = Math.min(Number(task.TimeoutSeconds ?? LONGEST_TIMEOUT_SECONDS), LONGEST_TIMEOUT_SECONDS);
    waitingTasks.set(name, TimeoutSeconds);
    return { ...task, Parameters: withTokenPlaceholder(Payload), TimeoutSeconds };
  }

  // The template was validated when it was packaged; the engine checks the rest as it runs.
  const definition = prepareMachine(JSON.parse(text)) as unknown as StateMachineDefinition;
  return { definition, functionOfTask, waitingTasks };
}

function redirectContext(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/\$\$\.Execution\b/g, `$$$$.${EXECUTION_CONTEXT_KEY}`);
  if (Array.isArray(value)) return value.map(redirectContext);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redirectContext(member)]));
}

/** Each member whose path is the token's becomes one whose value is the placeholder. */
function withTokenPlaceholder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withTokenPlaceholder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) =>
      key.endsWith('.$') && member === TOKEN_PLACEHOLDER
        ? [key.slice(0, -'.$'.length), TOKEN_PLACEHOLDER]
        : [key, withTokenPlaceholder(member)],
    ),
  );
}
