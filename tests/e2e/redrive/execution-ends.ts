import type { ObservedExecution } from '../../../local/cloud/observer.ts';

/** Waits for executions to end without asking again and again, of which a hundred runs would feel the load. */
export class ExecutionEnds {
  readonly #statuses = new Map<string, string>();
  readonly #waiting = new Map<string, (() => void)[]>();

  /** To be handed to the local cloud. */
  readonly onExecution = ({ executionArn, status }: ObservedExecution): void => {
    this.#statuses.set(executionArn, status);
    if (status === 'RUNNING') return;
    for (const resume of this.#waiting.get(executionArn) ?? []) resume();
    this.#waiting.delete(executionArn);
  };

  /** Resolves when an execution that has been started is not running, or not any more. */
  wait(executionArn: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#statuses.get(executionArn) !== 'RUNNING') resolve();
    else this.#waiting.set(executionArn, [...(this.#waiting.get(executionArn) ?? []), resolve]);
    return promise;
  }
}
