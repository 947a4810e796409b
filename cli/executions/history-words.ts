import type { HistoryEvent } from '@aws-sdk/client-sfn';
import { failureWords } from './executions.ts';

/** A step of an execution, in words. */
export interface HistoryLine {
  /** RFC 3339, UTC. */
  at: string;
  words: string;
  isFailure: boolean;
}

/** What the states of the machine do, for people who do not know it. */
const STATES: Record<string, string> = {
  OpenPeriod: 'opens the period and takes its lock',
  LookAtQueue: 'looks whether events still wait to be counted',
  WaitForQueue: 'waits for events that are still in the queue',
  Plan: 'splits the clients into chunks',
  PlanAgain: 'everything is sent; plans what had to wait, or the account',
  PackageChunks: 'works on the chunks: packages, then the account',
  PackageChunk: 'works on the clients of one chunk',
  Assess: 'counts the packages and decides what comes next',
  AwaitApproval: 'waits until a person approves or refuses what is held',
  PlanSends: 'plans what to send and forecasts the end',
  TakeTurns: 'sends what is ready and asks what became of it, at the pace of the quota',
  TakeTurn: 'takes its turn: asks what is due, sends what is due',
  TakeTurnAgain: 'takes its turn: asks what is due, sends what is due',
  // Of executions of the versions before.
  SendChunks: 'sends what is ready, at the pace of the quota',
  BookQuota: 'books the first turn in the quota calendar',
  WaitForTurn: 'waits for its turn',
  SendChunk: 'sends in its turn, and books the next',
  WaitForNextTurn: 'waits for its turn',
  SendChunkAgain: 'sends in its turn, and books the next',
  CheckChunks: 'asks the API for the status of the packages',
  WaitForProcessing: 'waits until it is time to ask the API',
  CheckChunk: 'asks for the status of the packages of one chunk',
  WaitForProcessingAgain: 'waits until it is time to ask the API',
  CheckChunkAgain: 'asks for the status of the packages of one chunk',
  ClosePeriod: 'makes the certificate and closes the period',
};

/**
 * An execution's history in plain words: one line for each state that was entered, each failure and each redrive.
 * Rounds of the same states stay as they are, so that times can be compared.
 */
export function historyWords(events: readonly HistoryEvent[]): HistoryLine[] {
  return events.flatMap((event): HistoryLine[] => {
    const words = wordsOf(event);
    if (words === undefined) return [];
    const isFailure = /Failed|TimedOut|Aborted/.test(event.type ?? '');
    return [{ at: event.timestamp?.toISOString() ?? '', words, isFailure }];
  });
}

function wordsOf(event: HistoryEvent): string | undefined {
  const { type = '', stateEnteredEventDetails, mapRunStartedEventDetails } = event;
  switch (type) {
    case 'ExecutionStarted':
      return 'started';
    case 'ExecutionSucceeded':
      return 'done';
    case 'ExecutionAborted':
      return `stopped. ${failureWords(event.executionAbortedEventDetails ?? {})}`.trim();
    case 'ExecutionFailed':
      return `failed. ${failureWords(event.executionFailedEventDetails ?? {})}`.trim();
    case 'ExecutionTimedOut':
      return 'timed out';
    case 'ExecutionRedriven':
      return `redriven (${event.executionRedrivenEventDetails?.redriveCount ?? 1})`;
    case 'MapRunStarted':
      return `  its chunks run as ${mapRunStartedEventDetails?.mapRunArn?.split(':').at(-1) ?? 'a map run'}`;
    case 'MapRunRedriven':
      return '  its chunks that failed are tried again';
    case 'MapRunFailed':
      return `  its chunks failed. ${failureWords(event.mapRunFailedEventDetails ?? {})}`;
    case 'LambdaFunctionFailed':
      return `  a try failed. ${failureWords(event.lambdaFunctionFailedEventDetails ?? {})}`;
    case 'LambdaFunctionTimedOut':
      return `  a try took too long. ${failureWords(event.lambdaFunctionTimedOutEventDetails ?? {})}`;
    case 'TaskFailed':
      return `  a try failed. ${failureWords(event.taskFailedEventDetails ?? {})}`;
    case 'TaskTimedOut':
      return '  nobody has decided in time';
    default: {
      const name = type.endsWith('StateEntered') ? stateEnteredEventDetails?.name : undefined;
      const meaning = name === undefined ? undefined : STATES[name];
      return meaning && `${name}: ${meaning}`;
    }
  }
}
