import { GetQueueAttributesCommand, type QueueAttributeName, type SQSClient } from '@aws-sdk/client-sqs';

/** How many messages a queue holds; one message may hold many events. */
export interface QueueDepth {
  /** Those that nobody has taken yet, delayed ones among them. */
  waiting: number;
  /** Those that are being counted, or whose counting failed and which come again. */
  inFlight: number;
}

const COUNTS: QueueAttributeName[] = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];

/**
 * How many messages a queue holds. The counts of SQS lag behind by up to a minute
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html).
 */
export async function queueDepth(client: SQSClient, queueUrl: string): Promise<QueueDepth> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: COUNTS }),
  );
  const [visible = 0, inFlight = 0, delayed = 0] = COUNTS.map((name) => Number(Attributes[name] ?? 0));
  return { waiting: visible + delayed, inFlight };
}
