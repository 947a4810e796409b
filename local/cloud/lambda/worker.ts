import { parentPort, workerData } from 'node:worker_threads';
import { recordAwsCalls } from './aws-call-recorder.ts';
import type { InvocationMessage, ReportedError, WorkerMessage, WorkerSettings } from './worker-messages.ts';

type Handler = (event: unknown, context: object) => unknown;

// The thread is only ever started by execution-environment.ts, with these settings.
const settings = workerData as WorkerSettings;

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

if (settings.recordAwsCalls) recordAwsCalls((call) => tell({ kind: 'awsCall', ...call }));

try {
  const handler = await loadHandler();
  parentPort?.on('message', (message: InvocationMessage) => void handle(handler, message));
  tell({ kind: 'ready' });
} catch (error) {
  tell({ kind: 'initializationFailed', error: reported(error) });
}

async function loadHandler(): Promise<Handler> {
  const loaded: Record<string, unknown> = await import(settings.moduleUrl);
  const handler = loaded[settings.handlerExport];
  if (typeof handler === 'function') return handler as Handler; // a function is all that can be known of an export
  const error = new Error(`${settings.handlerExport} is undefined or not exported`);
  error.name = 'Runtime.HandlerNotFound';
  throw error;
}

async function handle(handler: Handler, { requestId, payload, deadline }: InvocationMessage): Promise<void> {
  try {
    const result = await handler(JSON.parse(payload), contextOf(requestId, deadline));
    tell({ kind: 'succeeded', requestId, payload: JSON.stringify(result) ?? 'null' });
  } catch (error) {
    tell({ kind: 'failed', requestId, error: reported(error) });
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf(requestId: string, deadline: number): object {
  return {
    functionName: settings.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: settings.invokedFunctionArn,
    memoryLimitInMB: String(settings.memorySize),
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${settings.functionName}`,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function reported(error: unknown): ReportedError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}
