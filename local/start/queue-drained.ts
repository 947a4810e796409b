import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueAttributesCommand, type QueueAttributeName, type SQSClient } from '@aws-sdk/client-sqs';

const POLL_MILLISECONDS = 250;
/** Longer than the visibility time-out of 360 s: by then a message whose function died has come again. */
const STANDSTILL_MILLISECONDS = 400_000;

/** No message has left the queue for longer than a redelivery takes. */
export class QueueStandsStill extends Error {
  override readonly name = 'QueueStandsStill';
  readonly code = 'QUEUE_STANDS_STILL';
}

const COUNTS: QueueAttributeName[] = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];

/** Messages in a queue: waiting, in flight and delayed. */
export async function messagesIn(client: SQSClient, queueUrl: string): Promise<number> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: COUNTS }),
  );
  return COUNTS.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
}

/** Waits until a queue holds no more than so many messages. */
export async function untilAtMost(
  client: SQSClient,
  queueUrl: string,
  most: number,
  signal: AbortSignal,
): Promise<void> {
  while ((await messagesIn(client, queueUrl)) > most) await delay(POLL_MILLISECONDS, undefined, { signal });
}

/**
 * Waits until a queue is empty. A message is deleted only when its events are counted, so then all are.
 * @param onLeft told how many messages are left
 * @throws QueueStandsStill
 */
export async function untilDrained(
  client: SQSClient,
  queueUrl: string,
  onLeft: (messages: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  let changedAt = Date.now();
  for (;;) {
    const left = await messagesIn(client, queueUrl);
    onLeft(left);
    if (left === 0) return;
    if (left < least) {
      least = left;
      changedAt = Date.now();
    } else if (Date.now() - changedAt > STANDSTILL_MILLISECONDS) {
      throw new QueueStandsStill(`${left} messages are left in the queue and none was counted for a long time.`);
    }
    await delay(POLL_MILLISECONDS, undefined, { signal });
  }
}
