import { ExecutionError, ExecutionTimeoutError, type RunOptions, StateMachine } from 'aws-local-stepfunctions';
import type { InvocationOutcome } from '../lambda/execution-environment.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import type { CloudObserver } from '../observer.ts';
import { EXECUTION_CONTEXT_KEY, type PreparedDefinition, TOKEN_PLACEHOLDER } from './definition.ts';
import type { ExecutionRecord, ExecutionStatus, ExecutionStore } from './execution-store.ts';
import { type EngineEvent, type HistoryContext, historyEventsOf, type NewHistoryEvent } from './history.ts';
import { TaskError } from './task-error.ts';
import { outcomeOf, type TaskTokens } from './task-tokens.ts';

/** Limit of a state's input and output
 * (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html). */
export const DATA_LIMIT_BYTES = 262_144;

/** One call of a Task's function that is about to be made. */
export interface InterceptedTask {
  executionArn: string;
  stateName: string;
  input: unknown;
}

/**
 * Stands between a Task and its function: whatever it answers is the Task's outcome, whether it invokes the function or
 * not. An invocation that is under way when its execution ends goes on to its own end, as on AWS.
 */
export type TaskInterceptor = (
  task: InterceptedTask,
  invoke: () => Promise<InvocationOutcome>,
) => Promise<InvocationOutcome>;

/** What an execution needs of its state machine. */
export interface ExecutionSurroundings extends HistoryContext, PreparedDefinition {
  stateMachineName: string;
  functionOf(nameOrArn: string): LambdaFunction | undefined;
  store: ExecutionStore;
  tokens: TaskTokens;
  observer: CloudObserver;
  interceptTask?: TaskInterceptor | undefined;
}

/** One execution of a state machine, from its start through any number of redrives. */
export class Execution {
  readonly record: ExecutionRecord;
  readonly #surroundings: ExecutionSurroundings;
  #abort: () => void = () => {};
  /** Counts runs of the engine; events and ends of an earlier run are of no interest any more. */
  #run = 0;
  /** The last event of each Map iteration, and under undefined of the execution itself. */
  readonly #lastEventIds = new Map<number | undefined, number>();

  constructor(record: ExecutionRecord, surroundings: ExecutionSurroundings) {
    this.record = record;
    this.#surroundings = surroundings;
  }

  /** Runs it from its first state. */
  start(): void {
    this.#save();
    this.#launch({ name: this.#surroundings.definition.StartAt, input: JSON.parse(this.record.input) });
  }

  /** Runs it again from the state that it did not get through, with that state's input. */
  redrive(clientToken: string | undefined): void {
    Object.assign(this.record, {
      status: 'RUNNING',
      stopDate: undefined,
      error: undefined,
      cause: undefined,
      output: undefined,
      redriveCount: this.record.redriveCount + 1,
      redriveDate: Date.now(),
      redriveToken: clientToken,
    } satisfies Partial<ExecutionRecord>);
    this.#append([
      { type: 'ExecutionRedriven', executionRedrivenEventDetails: { redriveCount: this.record.redriveCount } },
    ]);
    this.#save();
    this.resume();
  }

  /** Goes on where the local cloud stopped in the middle of it: on AWS, executions do not stop with a laptop. */
  resume(): void {
    const { currentState } = this.record;
    this.#launch(
      currentState ?? { name: this.#surroundings.definition.StartAt, input: JSON.parse(this.record.input) },
      { isContinued: currentState !== undefined },
    );
  }

  /** Ends it as `StopExecution` does. */
  stop(error: string | undefined, cause: string | undefined): void {
    this.#append([{ type: 'ExecutionAborted', executionAbortedEventDetails: { error, cause } }]);
    this.#finish('ABORTED', { error, cause });
  }

  /** Ends its work without a trace, to resume in another process. */
  suspend(): void {
    this.#run += 1;
    this.#abort();
  }

  #launch(from: { name: string; input: unknown }, options: { isContinued?: boolean } = {}): void {
    const { definition } = this.#surroundings;
    this.#run += 1;
    const run = this.#run;
    let end: (reason: TaskError) => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = reject;
    });
    ended.catch(() => {});
    const machine = new StateMachine(
      { ...definition, StartAt: from.name },
      { validationOptions: { noValidate: true } },
    );
    const { result, eventLogs, abort } = machine.run(from.input as never, {
      overrides: { taskResourceLocalHandlers: this.#handlers(run, ended) },
      context: this.#context(),
    });
    this.#abort = () => {
      end(TaskError.ofEndedExecution());
      abort();
    };
    const logged = this.#log(eventLogs, run, options.isContinued ?? false);
    result.then(
      async (output) => {
        await logged;
        if (run === this.#run) this.#finish('SUCCEEDED', { output: JSON.stringify(output ?? null) });
      },
      async (failure) => {
        // The engine goes on with the items of a failed Map that had not begun yet; nothing of them shall run.
        this.#abort();
        await logged;
        if (run === this.#run) this.#fail(failure);
      },
    );
    this.#surroundings.observer.onExecution?.(this.record);
  }

  #handlers(run: number, ended: Promise<never>): Record<string, (input: unknown) => Promise<never>> {
    const { functionOfTask, functionOf, interceptTask = untouched } = this.#surroundings;
    const { executionArn } = this.record;
    return Object.fromEntries(
      [...functionOfTask].map(([stateName, arn]) => [
        stateName,
        async (input: unknown) => {
          if (run !== this.#run || this.record.status !== 'RUNNING') throw TaskError.ofEndedExecution();
          const lambda = functionOf(arn);
          if (!lambda) {
            throw TaskError.ofFunction({
              errorType: 'Lambda.ResourceNotFoundException',
              errorMessage: `Function not found: ${arn}`,
            });
          }
          const payload = withinLimit(JSON.stringify(input), `input of the state ${stateName}`);
          const call = (text: string) => interceptTask({ executionArn, stateName, input }, () => lambda.invoke(text));
          const timeoutSeconds = this.#surroundings.waitingTasks.get(stateName);
          if (timeoutSeconds !== undefined) return this.#waitForToken(payload, timeoutSeconds, call, ended);
          const outcome = await Promise.race([call(payload), ended]);
          if (outcome.error) throw TaskError.ofFunction(outcome.error);
          // What a function answers is JSON; the engine's type for it is not exported.
          return JSON.parse(withinLimit(outcome.payload, `output of the state ${stateName}`)) as never;
        },
      ]),
    );
  }

  /** Calls the function with a token, and waits until that comes back; what the function answers is of no interest. */
  async #waitForToken(
    payload: string,
    timeoutSeconds: number,
    call: (text: string) => Promise<InvocationOutcome>,
    ended: Promise<never>,
  ): Promise<never> {
    const { token, verdict, close } = this.#surroundings.tokens.issue(timeoutSeconds);
    try {
      const withToken = payload.replaceAll(JSON.stringify(TOKEN_PLACEHOLDER), () => JSON.stringify(token));
      // Somebody may bring the token back before the function has ended.
      const failed = call(withToken).then((outcome) => {
        if (outcome.error) throw TaskError.ofFunction(outcome.error);
        return verdict;
      });
      // What was said outside is JSON; the engine's type for it is not exported.
      return outcomeOf(await Promise.race([failed, verdict, ended])) as never;
    } finally {
      close();
    }
  }

  /** https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
  #context(): NonNullable<RunOptions['context']> {
    const { executionArn, name, input, startDate, redriveCount, redriveDate, stateMachineArn } = this.record;
    return {
      [EXECUTION_CONTEXT_KEY]: {
        Id: executionArn,
        Name: name,
        Input: JSON.parse(input),
        RoleArn: this.#surroundings.roleArn,
        StartTime: new Date(startDate).toISOString(),
        RedriveCount: redriveCount,
        ...(redriveDate === undefined ? {} : { RedriveTime: new Date(redriveDate).toISOString() }),
      },
      StateMachine: { Id: stateMachineArn, Name: this.#surroundings.stateMachineName },
    };
  }

  async #log(events: AsyncGenerator<EngineEvent>, run: number, isContinued: boolean): Promise<void> {
    for await (const event of events) {
      if (run !== this.#run || this.record.status !== 'RUNNING') continue;
      // A redriven execution has started once already.
      if (event.type === 'ExecutionStarted' && isContinued) continue;
      this.#append(
        historyEventsOf(event, this.#surroundings),
        'index' in event ? event.index : undefined,
        event.timestamp,
      );
      if (event.type === 'StateEntered' && event.state.name in this.#surroundings.definition.States) {
        this.record.currentState = { name: event.state.name, input: event.state.input };
        this.#save();
      }
    }
  }

  #append(events: NewHistoryEvent[], index?: number, timestamp = Date.now()): void {
    const { store } = this.#surroundings;
    let nextId = store.history(this.record.name).length;
    store.append(
      this.record.name,
      events.map((event) => {
        nextId += 1;
        const previousEventId = this.#lastEventIds.get(index) ?? this.#lastEventIds.get(undefined) ?? 0;
        this.#lastEventIds.set(index, nextId);
        // Literal members and one of details: together they are a HistoryEvent.
        return { timestamp: timestamp / 1000, id: nextId, previousEventId, ...event } as never;
      }),
    );
  }

  #fail(failure: unknown): void {
    if (failure instanceof ExecutionTimeoutError) {
      this.#finish('TIMED_OUT', {});
      return;
    }
    const thrown = failure instanceof ExecutionError ? failure.cause : failure;
    const { name, message } = thrown instanceof Error ? thrown : { name: 'States.Runtime', message: String(thrown) };
    this.#finish('FAILED', { error: name, cause: message });
  }

  #finish(status: ExecutionStatus, result: Pick<ExecutionRecord, 'output' | 'error' | 'cause'>): void {
    Object.assign(this.record, { ...result, status, stopDate: Date.now() });
    this.#run += 1;
    this.#abort();
    this.#save();
    this.#surroundings.observer.onExecution?.(this.record);
  }

  #save(): void {
    this.#surroundings.store.save(this.record);
  }
}

const untouched: TaskInterceptor = (_task, invoke) => invoke();

function withinLimit(text: string, what: string): string {
  if (Buffer.byteLength(text) <= DATA_LIMIT_BYTES) return text;
  throw TaskError.ofDataLimit(`The ${what} is larger than ${DATA_LIMIT_BYTES} bytes.`);
}
