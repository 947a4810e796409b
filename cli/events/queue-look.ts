import { type QueueDepth, queueDepth } from '../../lib/queues/queue-depth.ts';
import type { Cloud } from '../connection/cloud.ts';
import { durationWords, plural } from '../terminal/words.ts';

/** What has not been counted yet, in messages; one may hold many events, of any period. */
export interface QueueLook extends QueueDepth {
  /** Given up by the queue after many tries. */
  deadLetters: number;
  /** How old the oldest message in the queue was a few minutes ago at most; absent where CloudWatch does not tell. */
  oldestSeconds?: number;
}

/** CloudWatch has a queue's age once a minute, and up to some minutes late. */
const AGE_SECONDS = 60;
const AGES_WITHIN_MILLISECONDS = 10 * 60_000;

/** Looks at the events queue and its dead letters. */
export async function lookAtEventsQueue(cloud: Cloud): Promise<QueueLook> {
  const client = await cloud.queues();
  const { EventsQueueUrl, EventsDeadLetterQueueUrl } = cloud.outputs;
  const [depth, dead] = await Promise.all([
    queueDepth(client, EventsQueueUrl),
    queueDepth(client, EventsDeadLetterQueueUrl),
  ]);
  const oldestSeconds = isEmpty(depth) ? undefined : await ageOfOldest(cloud, EventsQueueUrl);
  return {
    ...depth,
    deadLetters: dead.waiting + dead.inFlight,
    ...(oldestSeconds === undefined ? {} : { oldestSeconds }),
  };
}

/** Whether no message waits or is in flight. */
export function isEmpty({ waiting, inFlight }: QueueDepth): boolean {
  return waiting + inFlight === 0;
}

/** What stands in the queue, for a person; nothing when all is counted. */
export function queueWords(look: QueueLook): string | undefined {
  const { waiting, inFlight, deadLetters, oldestSeconds } = look;
  const age = oldestSeconds === undefined ? '' : `, the oldest for ${durationWords(oldestSeconds * 1000)}`;
  const parts = [
    ...(isEmpty(look)
      ? []
      : [`${plural(waiting, 'message')} with events wait in the queue and ${inFlight} are being counted${age}`]),
    ...(deadLetters > 0
      ? [
          `${plural(deadLetters, 'message')} could not be counted and ${deadLetters === 1 ? 'is' : 'are'} among the dead letters`,
        ]
      : []),
  ];
  return parts.length > 0 ? `${parts.join('; ')}.` : undefined;
}

/** The queue itself does not say; an operator without the right to ask CloudWatch is told all the rest. */
async function ageOfOldest(cloud: Cloud, queueUrl: string): Promise<number | undefined> {
  try {
    const { GetMetricStatisticsCommand } = await import('@aws-sdk/client-cloudwatch');
    const client = await cloud.metrics();
    const { Datapoints = [] } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateAgeOfOldestMessage',
        Dimensions: [{ Name: 'QueueName', Value: queueUrl.slice(queueUrl.lastIndexOf('/') + 1) }],
        StartTime: new Date(Date.now() - AGES_WITHIN_MILLISECONDS),
        EndTime: new Date(),
        Period: AGE_SECONDS,
        Statistics: ['Maximum'],
      }),
    );
    const [latest] = Datapoints.sort((one, other) => Number(other.Timestamp) - Number(one.Timestamp));
    return latest?.Maximum;
  } catch {
    return undefined;
  }
}
