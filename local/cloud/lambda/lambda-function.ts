import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { CloudObserver } from '../observer.ts';
import type { Bundle } from './bundle.ts';
import {
  type ExecutionEnvironment,
  type InvocationOutcome,
  startExecutionEnvironment,
} from './execution-environment.ts';

/** Limit of a synchronous invocation's payload and of its answer
 * (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html): 6 MB, and the runtime's small change. */
export const PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024;
const RESPONSE_LIMIT_BYTES = PAYLOAD_LIMIT_BYTES + 100;

/** A function as the template declares it. */
export interface FunctionDeclaration {
  name: string;
  arn: string;
  bundle: Bundle;
  memorySize: number;
  timeoutSeconds: number;
  variables: Record<string, string>;
  /** At most so many environments at once; further invocations wait for one. */
  concurrency: number;
}

/** A function that can be invoked. */
export interface LambdaFunction {
  name: string;
  arn: string;
  /**
   * Invokes it synchronously.
   * @param payload the event as JSON text, at most 6 MB
   */
  invoke(payload: string): Promise<InvocationOutcome>;
  /** Ends all that it has running, as when a host fails: what was under way gets no answer. It can be invoked again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a function whose environments start when needed, are used again when warm, and never twice at once. */
export function lambdaFunction(declaration: FunctionDeclaration, observer: CloudObserver): LambdaFunction {
  const { name, arn, bundle, memorySize, timeoutSeconds, variables } = declaration;
  const limit = pLimit(declaration.concurrency);
  const idle: ExecutionEnvironment[] = [];
  const all = new Set<ExecutionEnvironment>();
  let isStopped = false;

  function start(): ExecutionEnvironment {
    const environment = startExecutionEnvironment({
      ...bundle,
      functionName: name,
      invokedFunctionArn: arn,
      memorySize,
      timeoutSeconds,
      variables,
      onLine: (line) => observer.onLog?.({ functionName: name, line }),
      onAwsCall: observer.onAwsCall && ((call) => observer.onAwsCall?.({ caller: name, ...call })),
    });
    all.add(environment);
    return environment;
  }

  function warm(): ExecutionEnvironment | undefined {
    for (let candidate = idle.pop(); candidate; candidate = idle.pop()) {
      if (candidate.isAlive) return candidate;
      all.delete(candidate);
    }
    return undefined;
  }

  async function invokeNow(payload: string): Promise<InvocationOutcome> {
    if (isStopped) return failure('Runtime.ExitError', 'The local cloud stopped.');
    const requestId = randomUUID();
    const reused = warm();
    const environment = reused ?? start();
    const startedAt = performance.now();
    const outcome = checked(await environment.invoke(requestId, payload));
    if (environment.isAlive) idle.push(environment);
    else all.delete(environment);
    observer.onInvocation?.({
      functionName: name,
      requestId,
      durationMilliseconds: performance.now() - startedAt,
      coldStart: reused === undefined,
      ...(outcome.error ? { error: outcome.error } : {}),
    });
    return outcome;
  }

  async function crash(): Promise<void> {
    await Promise.all([...all].map((environment) => environment.stop()));
  }

  return {
    name,
    arn,
    async invoke(payload) {
      const bytes = Buffer.byteLength(payload);
      if (bytes > PAYLOAD_LIMIT_BYTES) {
        return failure(
          'RequestEntityTooLargeException',
          `${bytes} byte payload is too large for the RequestResponse invocation type (limit ${PAYLOAD_LIMIT_BYTES} bytes)`,
        );
      }
      return limit(invokeNow, payload);
    },
    crash,
    async stop() {
      isStopped = true;
      await crash();
    },
  };
}

function checked(outcome: InvocationOutcome): InvocationOutcome {
  if (outcome.error || Buffer.byteLength(outcome.payload) <= RESPONSE_LIMIT_BYTES) return outcome;
  return failure(
    'Function.ResponseSizeTooLarge',
    `Response payload size exceeded maximum allowed payload size (${RESPONSE_LIMIT_BYTES} bytes).`,
  );
}

function failure(errorType: string, errorMessage: string): InvocationOutcome {
  return { error: { errorType, errorMessage } };
}
