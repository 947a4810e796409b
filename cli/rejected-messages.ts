import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';

const rejectedMessage = z.object({
  rejectionId: z.string(),
  reason: z.string(),
  message: z.string(),
  body: z.string(),
  receivedAt: z.string(),
  index: z.optional(z.number()),
  part: z.optional(z.object({ number: z.number(), of: z.number() })),
});

/** One rejected event, put together from its parts. */
export interface RejectedEntry {
  rejectionId: string;
  reason: string;
  message: string;
  /** The original text. */
  body: string;
  receivedAt: string;
  /** Its messages on the queue: several where it has parts or was rejected more than once. */
  receiptHandles: string[];
}

/** Long enough to read a queue to its end; what was read is given back afterwards. */
const HIDDEN_SECONDS = 120;
const EMPTY_READS = 2;

/** Takes messages off the rejected queue for a look, at most so many; give them back with {@link giveBack}. */
export async function takeRejected(
  client: SQSClient,
  queueUrl: string,
  limit: number,
): Promise<{ entries: RejectedEntry[]; incomplete: string[] }> {
  const byId = new Map<string, { parts: Map<number, string>; of: number; entry: RejectedEntry }>();
  for (let empty = 0, taken = 0; empty < EMPTY_READS && taken < limit; ) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(10, limit - taken),
        VisibilityTimeout: HIDDEN_SECONDS,
        WaitTimeSeconds: 0,
      }),
    );
    empty = Messages.length === 0 ? empty + 1 : 0;
    taken += Messages.length;
    for (const { Body = '', ReceiptHandle = '' } of Messages) {
      const { rejectionId, reason, message, body, receivedAt, part = { number: 1, of: 1 } } = read(Body, ReceiptHandle);
      const known = byId.get(rejectionId) ?? {
        parts: new Map<number, string>(),
        of: part.of,
        entry: { rejectionId, reason, message, body: '', receivedAt, receiptHandles: [] },
      };
      known.parts.set(part.number, body);
      known.entry.receiptHandles.push(ReceiptHandle);
      byId.set(rejectionId, known);
    }
  }
  const entries: RejectedEntry[] = [];
  const incomplete: string[] = [];
  for (const { parts, of, entry } of byId.values()) {
    if (parts.size < of) incomplete.push(...entry.receiptHandles);
    else
      entries.push({ ...entry, body: Array.from({ length: of }, (_, index) => parts.get(index + 1) ?? '').join('') });
  }
  return { entries, incomplete };
}

/** Makes messages visible again at once. */
export async function giveBack(client: SQSClient, queueUrl: string, receiptHandles: readonly string[]): Promise<void> {
  for (const ReceiptHandle of receiptHandles) {
    await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
  }
}

/** Removes messages that are dealt with. */
export async function remove(client: SQSClient, queueUrl: string, receiptHandles: readonly string[]): Promise<void> {
  for (const ReceiptHandle of receiptHandles) {
    await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
  }
}

function read(text: string, receiptHandle: string): z.output<typeof rejectedMessage> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = rejectedMessage.safeParse(value);
  if (parsed.success) return parsed.data;
  // Not one of ours; it is shown rather than hidden.
  const message = 'This message was not written by aggregate-events.';
  return { rejectionId: receiptHandle, reason: 'UNKNOWN_MESSAGE', message, body: text, receivedAt: '' };
}
