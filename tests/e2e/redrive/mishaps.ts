import type { InvocationOutcome } from '../../../local/cloud/lambda/execution-environment.ts';
import type { InterceptedTask, TaskInterceptor } from '../../../local/cloud/state-machines/execution.ts';

/** What one Task is to meet: it gets the invocation of its function and answers in its place. */
export type Encounter = (invoke: () => Promise<InvocationOutcome>) => Promise<InvocationOutcome>;

/** Lets an execution meet something, once, when it first comes to a Task. */
export class Mishaps {
  readonly #expected = new Map<string, Encounter>();

  /** The first time that the execution comes to the Task, the encounter decides on its outcome. */
  expect(executionArn: string, task: string, encounter: Encounter): void {
    this.#expected.set(keyOf(executionArn, task), encounter);
  }

  /** To be handed to the local cloud. */
  readonly interceptTask: TaskInterceptor = ({ executionArn, stateName }: InterceptedTask, invoke) => {
    const key = keyOf(executionArn, stateName);
    const encounter = this.#expected.get(key);
    this.#expected.delete(key);
    return encounter ? encounter(invoke) : invoke();
  };
}

function keyOf(executionArn: string, task: string): string {
  return `${executionArn} ${task}`;
}
