import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  ListExecutionsCommand,
  type ListExecutionsCommandOutput,
} from '@aws-sdk/client-sfn';
import type { Cloud } from '../connection/cloud.ts';
import { failureWords } from './executions.ts';

/** An execution of one chunk that failed, and why. */
export interface FailedChunk {
  executionArn: string;
  error: string | undefined;
  cause: string | undefined;
}

/** What failed below an execution. */
export interface FailedChunks {
  chunks: FailedChunk[];
  /** Whether there are more than are told. */
  isCut: boolean;
}

/** The two questions of an `SFNClient` that are asked here. */
export interface ChildExecutions {
  send(command: ListExecutionsCommand): Promise<ListExecutionsCommandOutput>;
  send(command: DescribeExecutionCommand): Promise<DescribeExecutionCommandOutput>;
}

/** One cause mostly fails many chunks alike. */
const CHUNKS_TOLD = 10;

/**
 * The failed children of the Map that an execution failed at; none when it failed elsewhere, or did not fail. An
 * execution whose Map runs in distributed mode says only that too many children failed
 * (https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html#maprun-fail-threshold).
 * @param events the history of the execution, oldest first
 */
export async function failedChunks(client: ChildExecutions, events: readonly HistoryEvent[]): Promise<FailedChunks> {
  const mapRunArn = failedMapRun(events);
  if (mapRunArn === undefined) return { chunks: [], isCut: false };
  const { executions = [], nextToken } = await client.send(
    new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED', maxResults: CHUNKS_TOLD }),
  );
  const chunks = await Promise.all(
    executions.map(async ({ executionArn = '' }) => {
      const { error, cause } = await client.send(new DescribeExecutionCommand({ executionArn }));
      return { executionArn, error, cause };
    }),
  );
  return { chunks, isCut: nextToken !== undefined };
}

/**
 * The Map that stands failed at the end of a history: Maps follow each other, and a redrive tries the failed one again.
 */
function failedMapRun(events: readonly HistoryEvent[]): string | undefined {
  let current: string | undefined;
  let failed: string | undefined;
  for (const { type, mapRunStartedEventDetails, mapRunRedrivenEventDetails } of events) {
    if (type === 'MapRunStarted') current = mapRunStartedEventDetails?.mapRunArn;
    if (type === 'MapRunRedriven') current = mapRunRedrivenEventDetails?.mapRunArn ?? current;
    if (type === 'MapRunFailed') failed = current;
    if (type === 'ExecutionRedriven') failed = undefined;
  }
  return failed;
}

/** Newest first, so that the Map that failed is among them. */
const EVENTS_LOOKED_AT = 200;

/** Why a run ended: what it says itself, or where a Map only says that chunks failed, why the first of them did. */
export async function causeOf(
  cloud: Cloud,
  run: { executionArn: string; status: string; failure?: string | undefined },
): Promise<string | undefined> {
  const { executionArn, status, failure } = run;
  if (status !== 'FAILED' || !failure?.startsWith('States.')) return failure;
  const client = await cloud.stepFunctions();
  const { events = [] } = await client.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: EVENTS_LOOKED_AT }),
  );
  const [first] = (await failedChunks(client, events.toReversed())).chunks;
  return first ? failureWords(first) : failure;
}
