/** What a worker thread is started with. */
export interface WorkerSettings {
  moduleUrl: string;
  handlerExport: string;
  functionName: string;
  invokedFunctionArn: string;
  memorySize: number;
  recordAwsCalls: boolean;
}

/** To the worker: one event to handle. */
export interface InvocationMessage {
  requestId: string;
  /** The event as JSON text. */
  payload: string;
  /** When the time-out strikes, in milliseconds since the epoch. */
  deadline: number;
}

/** A thrown error as Lambda reports it. */
export interface ReportedError {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}

/** From the worker. */
export type WorkerMessage =
  | { kind: 'ready' }
  | { kind: 'initializationFailed'; error: ReportedError }
  | { kind: 'succeeded'; requestId: string; payload: string }
  | { kind: 'failed'; requestId: string; error: ReportedError }
  | { kind: 'awsCall'; service: string; operation: string; input: unknown };
