import { SQSClient } from '@aws-sdk/client-sqs';
import { queueDepth } from '../../lib/queues/queue-depth.ts';
import type { LookAtQueueDependencies } from '../../lib/runs/look-at-queue.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What look-at-queue works with.
 * @throws InvalidEnvironment naming every fault
 */
export function queueDependencies(environment: Environment): LookAtQueueDependencies {
  const variables = readVariables(
    environment,
    'RUNS_TABLE',
    'EVENTS_QUEUE_URL',
    'EVENTS_DEAD_LETTER_QUEUE_URL',
    'QUEUE_WAIT_MINUTES',
  );
  // The endpoint decides where requests go, not the host in a queue's URL.
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  return {
    runs: new RunStore(tablesOf(variables)),
    eventsQueue: () => queueDepth(sqs, variables.EVENTS_QUEUE_URL),
    deadLetters: () => queueDepth(sqs, variables.EVENTS_DEAD_LETTER_QUEUE_URL),
    queueWaitMinutes: variables.QUEUE_WAIT_MINUTES,
    now: Date.now,
  };
}
