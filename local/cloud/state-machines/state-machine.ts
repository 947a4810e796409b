import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { AwsError } from '../aws-api/aws-error.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import type { CloudObserver } from '../observer.ts';
import type { Stack } from '../template/stack.ts';
import { prepareDefinition } from './definition.ts';
import { DATA_LIMIT_BYTES, Execution, type ExecutionSurroundings, type TaskInterceptor } from './execution.ts';
import { ExecutionStore } from './execution-store.ts';
import type { HistoryEvent } from './history.ts';
import { TaskTokens } from './task-tokens.ts';

/**
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
 */
const machineProperties = z.object({
  DefinitionString: z.string(),
  RoleArn: z.string(),
  StateMachineType: z.literal('STANDARD').default('STANDARD'),
});

/**
 * What Step Functions refuses in a name
 * (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
 */
const FORBIDDEN_IN_NAME = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u;

/** A state machine with all of its executions. */
export class LocalStateMachine {
  readonly arn: string;
  readonly name: string;
  readonly definitionText: string;
  readonly roleArn: string;
  readonly creationDate = Date.now();
  /** Of its executions' Tasks that wait. */
  readonly tokens = new TaskTokens();
  readonly #executions = new Map<string, Execution>();
  readonly #surroundings: ExecutionSurroundings;

  constructor(options: {
    arn: string;
    properties: Record<string, unknown>;
    functionOf: (nameOrArn: string) => LambdaFunction | undefined;
    observer: CloudObserver;
    interceptTask?: TaskInterceptor | undefined;
    dataFolder: string | undefined;
  }) {
    const properties = machineProperties.parse(options.properties);
    this.arn = options.arn;
    this.name = options.arn.slice(options.arn.lastIndexOf(':') + 1);
    this.definitionText = properties.DefinitionString;
    this.roleArn = properties.RoleArn;
    this.#surroundings = {
      ...prepareDefinition(this.definitionText),
      itemsPathOf: itemsPathsOf(this.definitionText),
      stateMachineName: this.name,
      roleArn: this.roleArn,
      functionOf: options.functionOf,
      observer: options.observer,
      interceptTask: options.interceptTask,
      tokens: this.tokens,
      store: new ExecutionStore(options.dataFolder && join(options.dataFolder, 'executions', this.name)),
    };
  }

  /** Loads the executions of earlier runs and goes on with those that had not ended. */
  restore(): void {
    const records = this.#surroundings.store.load();
    for (const record of records) this.#executions.set(record.name, new Execution(record, this.#surroundings));
    for (const execution of this.#executions.values()) {
      if (execution.record.status === 'RUNNING') execution.resume();
    }
  }

  /** All executions, the last started first. */
  executions(): Execution[] {
    return [...this.#executions.values()].sort((a, b) => b.record.startDate - a.record.startDate);
  }

  execution(name: string): Execution | undefined {
    return this.#executions.get(name);
  }

  history(name: string): HistoryEvent[] {
    return this.#surroundings.store.history(name);
  }

  /**
   * Starts an execution; the same name and input again, while it runs, gives the same one.
   * @throws AwsError InvalidName, InvalidExecutionInput or ExecutionAlreadyExists
   */
  start(name: string = randomUUID(), input = '{}'): Execution {
    checkName(name);
    checkInput(input);
    const existing = this.#executions.get(name);
    if (existing) {
      if (existing.record.status === 'RUNNING' && existing.record.input === input) return existing;
      throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${existing.record.executionArn}'`);
    }
    const execution = new Execution(
      {
        name,
        executionArn: `${this.arn.replace(':stateMachine:', ':execution:')}:${name}`,
        stateMachineArn: this.arn,
        input,
        status: 'RUNNING',
        startDate: Date.now(),
        redriveCount: 0,
      },
      this.#surroundings,
    );
    this.#executions.set(name, execution);
    execution.start();
    return execution;
  }

  /** Ends all work at once; running executions resume when the same data folder is used again. */
  suspend(): void {
    for (const execution of this.#executions.values()) execution.suspend();
  }
}

/** Makes the state machines that the template declares. */
export function stateMachinesOf(
  stack: Stack,
  options: Omit<ConstructorParameters<typeof LocalStateMachine>[0], 'arn' | 'properties'>,
): LocalStateMachine[] {
  return stack
    .resourcesOf('AWS::StepFunctions::StateMachine')
    .map(
      ({ logicalId, properties }) =>
        new LocalStateMachine({ ...options, arn: String(stack.resolve({ Ref: logicalId })), properties }),
    );
}

function checkName(name: string): void {
  if (name.length < 1 || name.length > 80 || FORBIDDEN_IN_NAME.test(name)) {
    throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
  }
}

function checkInput(input: string): void {
  try {
    JSON.parse(input);
  } catch (error) {
    throw new AwsError('InvalidExecutionInput', `Invalid State Machine Execution Input: '${String(error)}'`);
  }
  if (Buffer.byteLength(input) > DATA_LIMIT_BYTES) {
    throw new AwsError('InvalidExecutionInput', `The input is larger than ${DATA_LIMIT_BYTES} bytes.`);
  }
}

function itemsPathsOf(definitionText: string): Map<string, string> {
  const paths = new Map<string, string>();
  JSON.parse(definitionText, (key, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'ItemsPath' in value) paths.set(key, String(value.ItemsPath));
    return value;
  });
  return paths;
}
