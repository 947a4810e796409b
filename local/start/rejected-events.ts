import {
  ChangeMessageVisibilityBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { messagesIn } from './queue-drained.ts';

const MESSAGES_PER_CALL = 10;
/** Long enough to read them all before one comes again. */
const HIDDEN_SECONDS = 900;

const rejectedSchema = z.object({ rejectionId: z.string(), reason: z.string(), elements: z.optional(z.number()) });

/**
 * Counts what the rejected queue holds by reason. Leaves every message in the queue, visible again, for those who mend
 * and replays them. A rejection that is there twice, because its batch was counted again, counts once.
 */
export async function countRejected(client: SQSClient, queueUrl: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const met = new Set<string>();
  const handles: string[] = [];
  const expected = await messagesIn(client, queueUrl);
  while (handles.length < expected) {
    const messages = await receive(client, queueUrl);
    if (messages.length === 0) break;
    for (const { Body = '', ReceiptHandle = '' } of messages) {
      handles.push(ReceiptHandle);
      const { reason, rejectionId, elements = 1 } = rejectedSchema.parse(JSON.parse(Body));
      if (met.has(rejectionId)) continue;
      met.add(rejectionId);
      counts[reason] = (counts[reason] ?? 0) + elements;
    }
  }
  await show(client, queueUrl, handles);
  return counts;
}

async function receive(client: SQSClient, queueUrl: string): Promise<Message[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: MESSAGES_PER_CALL,
      VisibilityTimeout: HIDDEN_SECONDS,
      WaitTimeSeconds: 1,
    }),
  );
  return Messages;
}

async function show(client: SQSClient, queueUrl: string, handles: readonly string[]): Promise<void> {
  for (let start = 0; start < handles.length; start += MESSAGES_PER_CALL) {
    const Entries = handles
      .slice(start, start + MESSAGES_PER_CALL)
      .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 }));
    await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
  }
}
