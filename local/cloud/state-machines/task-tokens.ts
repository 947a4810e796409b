import { randomUUID } from 'node:crypto';
import { AwsError } from '../aws-api/aws-error.ts';
import { TaskError } from './task-error.ts';

/** What somebody outside says of a Task that waits. */
export type TaskVerdict = { output: unknown } | { error: string; cause: string };

interface WaitingTask {
  /** Milliseconds since the epoch. */
  endsAt: number;
  isClosed: boolean;
  settle(verdict: TaskVerdict): void;
}

/** A Task that waits for somebody outside to say how it ended. */
export interface IssuedToken {
  token: string;
  verdict: Promise<TaskVerdict>;
  /** From now on the token says nothing any more. */
  close(): void;
}

/**
 * The tokens of Tasks that wait (https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html). They
 * live in memory: a Task that waits when the local cloud stops begins anew with it, with another token.
 */
export class TaskTokens {
  readonly #tasks = new Map<string, WaitingTask>();

  /** @param timeoutSeconds how long the Task may take in all */
  issue(timeoutSeconds: number): IssuedToken {
    const token = randomUUID();
    const { promise, resolve } = Promise.withResolvers<TaskVerdict>();
    const task: WaitingTask = { endsAt: Date.now() + timeoutSeconds * 1000, isClosed: false, settle: resolve };
    this.#tasks.set(token, task);
    const close = () => {
      task.isClosed = true;
    };
    return { token, verdict: promise, close };
  }

  knows(token: string): boolean {
    return this.#tasks.has(token);
  }

  /** @throws AwsError InvalidToken for one that was never issued, TaskTimedOut for one of a Task that has ended */
  settle(token: string, verdict: TaskVerdict): void {
    const task = this.#tasks.get(token);
    if (!task) throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
    if (task.isClosed || Date.now() >= task.endsAt) {
      throw new AwsError('TaskTimedOut', "Task Timed Out: 'Provided task does not exist anymore'");
    }
    task.isClosed = true;
    task.settle(verdict);
  }
}

/** What a verdict comes to for the state machine. @throws TaskError */
export function outcomeOf(verdict: TaskVerdict): unknown {
  if ('output' in verdict) return verdict.output;
  throw TaskError.ofVerdict(verdict);
}
