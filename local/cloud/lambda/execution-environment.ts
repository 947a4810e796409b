import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { heapLimitOf, watchMemory } from './memory-watch.ts';
import type { ReportedError, WorkerMessage, WorkerSettings } from './worker-messages.ts';

/** What an invocation came to: the answer as JSON text, or the error as Lambda reports it. */
export type InvocationOutcome = { payload: string; error?: never } | { payload?: never; error: ReportedError };

/** One warm or starting copy of a function: a thread of its own, with its own memory, variables and modules. */
export interface ExecutionEnvironment {
  /** False once it has been killed or has ended by itself; it is then of no more use. */
  readonly isAlive: boolean;
  /** Handles one event; only one at a time. Always answers. */
  invoke(requestId: string, payload: string): Promise<InvocationOutcome>;
  stop(): Promise<void>;
}

/** How to make an execution environment. */
export interface EnvironmentSettings extends Omit<WorkerSettings, 'recordAwsCalls'> {
  variables: Record<string, string>;
  timeoutSeconds: number;
  onLine(line: string): void;
  onAwsCall?: ((call: { service: string; operation: string; input: unknown }) => void) | undefined;
}

/** AWS gives the initialization 10 s; a laptop that is busy with engines and tests gets more. */
const INITIALIZATION_TIMEOUT_MILLISECONDS = 60_000;

const OUT_OF_MEMORY: ReportedError = {
  errorType: 'Runtime.ExitError',
  errorMessage: 'Runtime exited with error: signal: killed (out of memory)',
};

/** Starts a thread for a function and loads its bundle in it. */
export function startExecutionEnvironment(settings: EnvironmentSettings): ExecutionEnvironment {
  const { variables, timeoutSeconds, onLine, onAwsCall, ...workerSettings } = settings;
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { ...workerSettings, recordAwsCalls: onAwsCall !== undefined } satisfies WorkerSettings,
    env: variables,
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: heapLimitOf(settings.memorySize) },
  });
  forwardLines(worker.stdout, onLine);
  forwardLines(worker.stderr, onLine);

  let isAlive = true;
  let end: (error: ReportedError) => void = () => {};
  const ended = new Promise<ReportedError>((resolve) => {
    end = (error) => {
      isAlive = false;
      resolve(error);
    };
  });
  let settle: ((outcome: InvocationOutcome) => void) | undefined;
  const ready = new Promise<void>((resolve) => {
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') resolve();
      else if (message.kind === 'initializationFailed') end(message.error);
      else if (message.kind === 'succeeded') settle?.({ payload: message.payload });
      else if (message.kind === 'failed') settle?.({ error: message.error });
      else onAwsCall?.({ service: message.service, operation: message.operation, input: message.input });
    });
  });
  worker.on('error', (error) => end(errorOfDeadThread(error)));
  worker.on('exit', (code) =>
    end({ errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with error: exit status ${code}` }),
  );

  async function kill(error: ReportedError): Promise<void> {
    end(error);
    await worker.terminate();
  }

  return {
    get isAlive() {
      return isAlive;
    },
    async invoke(requestId, payload) {
      const isReady = await within(Promise.race([ready.then(() => true), ended]), INITIALIZATION_TIMEOUT_MILLISECONDS);
      if (isReady === undefined) {
        await kill({ errorType: 'Sandbox.Timedout', errorMessage: `RequestId: ${requestId} Error: Init timed out` });
      }
      const answer = new Promise<InvocationOutcome>((resolve) => {
        settle = resolve;
      });
      if (isAlive) {
        worker.postMessage({ requestId, payload, deadline: Date.now() + timeoutSeconds * 1000 });
      }
      const stopWatching = watchMemory(worker, settings.memorySize, () => void kill(OUT_OF_MEMORY));
      const failure = ended.then((error) => ({ error }));
      const outcome = await within(Promise.race([answer, failure]), timeoutSeconds * 1000);
      stopWatching();
      settle = undefined;
      if (outcome) return outcome;
      const seconds = timeoutSeconds.toFixed(2);
      const error = {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`,
      };
      await kill(error);
      return { error };
    },
    stop: () => kill({ errorType: 'Runtime.ExitError', errorMessage: 'The local cloud stopped.' }),
  };
}

function errorOfDeadThread(error: unknown): ReportedError {
  const { code, message } = error as NodeJS.ErrnoException; // Node.js gives an Error here, whatever was thrown
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return OUT_OF_MEMORY;
  }
  return { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: message };
}

function forwardLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', onLine);
}

/** The promise's value, or undefined if it is not there in time. */
async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
