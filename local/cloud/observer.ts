/** One call that a function made to an AWS service. */
export interface ObservedAwsCall {
  /** The name of the function that called. */
  caller: string;
  /** The service's prefix in `X-Amz-Target`, such as `DynamoDB_20120810` or `AmazonSQS`. */
  service: string;
  /** Such as `UpdateItem`. */
  operation: string;
  /** The request as it was sent; its members name the resource. */
  input: unknown;
}

/** One invocation of a function that has ended. */
export interface ObservedInvocation {
  functionName: string;
  requestId: string;
  durationMilliseconds: number;
  /** The environment was made for this invocation. */
  coldStart: boolean;
  /** Absent after success. */
  error?: { errorType: string; errorMessage: string };
}

/** One batch that an event source mapping has handed to its function. */
export interface ObservedBatch {
  queueName: string;
  functionName: string;
  messages: number;
  /** Messages that stay in the queue and come again. */
  failed: number;
  /** Why the whole batch failed, where it did. */
  reason?: string;
}

/** One line that a function wrote. */
export interface ObservedLogLine {
  functionName: string;
  line: string;
}

/** One entry of an EventBridge `PutEvents` request. */
export interface ObservedBusEvent {
  Source?: string;
  DetailType?: string;
  Detail?: string;
  EventBusName?: string;
  Resources?: string[];
  Time?: number;
}

/** What an execution has come to. */
export interface ObservedExecution {
  executionArn: string;
  name: string;
  status: string;
}

/** Watches the local cloud at work; every hook may be left out, and must be quick. */
export interface CloudObserver {
  onLog?(line: ObservedLogLine): void;
  onInvocation?(invocation: ObservedInvocation): void;
  onBatch?(batch: ObservedBatch): void;
  /** Calls are recorded only while this hook is given. */
  onAwsCall?(call: ObservedAwsCall): void;
  onBusEvent?(event: ObservedBusEvent): void;
  onExecution?(execution: ObservedExecution): void;
}
