/** An error that a caller of an AWS API gets, in AWS's shape: `type` is what the SDK makes the error's name. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  /** Such as `ExecutionDoesNotExist`. */
  readonly type: string;
  readonly statusCode: number;

  constructor(type: string, message: string, statusCode = 400) {
    super(message);
    this.type = type;
    this.statusCode = statusCode;
  }
}
