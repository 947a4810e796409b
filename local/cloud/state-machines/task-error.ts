/** How a Task fails: `name` is what `ErrorEquals` matches, `message` becomes the cause. */
export class TaskError extends Error {
  /** Read by the engine: whether a `Retry` may match. */
  readonly isRetryable: boolean;
  /** Read by the engine: whether a `Catch` may match. */
  readonly isCatchable: boolean;

  private constructor(name: string, cause: string, isHandled: boolean) {
    super(cause);
    this.name = name;
    this.isRetryable = isHandled;
    this.isCatchable = isHandled;
  }

  /** A function that answered with an error, as Step Functions shows it: the payload is the cause. */
  static ofFunction(error: { errorType: string; errorMessage: string }): TaskError {
    return new TaskError(error.errorType, JSON.stringify(error), true);
  }

  /** What somebody outside said with the token of a Task that waited. */
  static ofVerdict({ error, cause }: { error: string; cause: string }): TaskError {
    return new TaskError(error, cause, true);
  }

  /** An input or output over 256 KiB, which no `States.ALL` matches
   * (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html). */
  static ofDataLimit(cause: string): TaskError {
    return new TaskError('States.DataLimitExceeded', cause, false);
  }

  /** The execution is over; whatever the engine still runs of it shall end. */
  static ofEndedExecution(): TaskError {
    return new TaskError('States.Runtime', 'The execution has ended.', false);
  }
}
