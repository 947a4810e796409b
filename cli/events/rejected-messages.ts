import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';
import { CommandFailed } from '../terminal/errors.ts';
import { command } from '../terminal/next-command.ts';

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

/** What was read of the rejected queue, hidden from others until it is given back. */
export interface TakenMessages {
  entries: RejectedEntry[];
  /** Of these some parts were not read: they lie beyond the limit, or are gone. */
  incomplete: RejectedEntry[];
  /** About how many messages more there are: beyond the limit, or in the hands of somebody else. */
  notRead: number;
}

const MESSAGES_PER_CALL = 10;
/**
 * Long enough to read and to decide; what was read is given back afterwards. Reading a thousand messages takes seconds.
 */
const HIDDEN_SECONDS = 120;
const MESSAGES_READ_PER_SECOND = 20;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html */
const LONGEST_HIDDEN_SECONDS = 43_200;
/**
 * Waiting at all asks every server of the queue; without it an empty answer says nothing
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html).
 */
const WAIT_SECONDS = 1;
/** So often an answer may be empty while the queue says that it holds messages: its count lags behind. */
const EMPTY_READS = 5;

/** Takes messages off the rejected queue for a look, at most so many; give them back with {@link giveBack}. */
export async function takeRejected(client: SQSClient, queueUrl: string, limit: number): Promise<TakenMessages> {
  const messages: Message[] = [];
  let depth = await depthOf(client, queueUrl);
  for (let empty = 0; messages.length < limit; ) {
    const taken = await receive(client, queueUrl, limit - messages.length, hiddenSeconds(limit));
    messages.push(...taken);
    if (taken.length > 0) continue;
    empty += 1;
    depth = await depthOf(client, queueUrl);
    if (depth.visible === 0 || empty === EMPTY_READS) break;
  }
  if (messages.length === limit) depth = await depthOf(client, queueUrl);
  return { ...putTogether(messages), notRead: depth.visible + Math.max(0, depth.inHand - messages.length) };
}

async function receive(client: SQSClient, QueueUrl: string, most: number, hidden: number): Promise<Message[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: Math.min(MESSAGES_PER_CALL, most),
      VisibilityTimeout: hidden,
      WaitTimeSeconds: WAIT_SECONDS,
    }),
  );
  return Messages;
}

function hiddenSeconds(limit: number): number {
  return Math.min(LONGEST_HIDDEN_SECONDS, HIDDEN_SECONDS + Math.ceil(limit / MESSAGES_READ_PER_SECOND));
}

async function depthOf(client: SQSClient, QueueUrl: string): Promise<{ visible: number; inHand: number }> {
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return {
    visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
    inHand: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
  };
}

function putTogether(messages: readonly Message[]): Pick<TakenMessages, 'entries' | 'incomplete'> {
  const byId = new Map<string, { parts: Map<number, string>; of: number; entry: RejectedEntry }>();
  for (const { Body = '', ReceiptHandle = '' } of messages) {
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
  const entries: RejectedEntry[] = [];
  const incomplete: RejectedEntry[] = [];
  for (const { parts, of, entry } of byId.values()) {
    const body = Array.from({ length: of }, (_, index) => parts.get(index + 1) ?? '').join('');
    (parts.size < of ? incomplete : entries).push({ ...entry, body });
  }
  return { entries, incomplete };
}

/**
 * Makes messages visible again at once. What cannot be given back is visible already, or will be when its time is over.
 */
export async function giveBack(client: SQSClient, QueueUrl: string, receiptHandles: readonly string[]): Promise<void> {
  for (const handles of tens(receiptHandles)) {
    const Entries = handles.map((ReceiptHandle, index) => ({
      Id: String(index),
      ReceiptHandle,
      VisibilityTimeout: 0,
    }));
    await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
  }
}

/** Removes messages that are dealt with. @throws CommandFailed naming why the queue kept one */
export async function remove(client: SQSClient, QueueUrl: string, receiptHandles: readonly string[]): Promise<void> {
  for (const handles of tens(receiptHandles)) {
    const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
    const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    const [kept] = Failed;
    if (kept) {
      throw new CommandFailed(
        'MESSAGE_KEPT',
        `The rejected queue did not remove a message (${kept.Code}: ${kept.Message}). See what is left: ${command('rejected')}`,
      );
    }
  }
}

function tens(handles: readonly string[]): string[][] {
  const batches = Math.ceil(handles.length / MESSAGES_PER_CALL);
  return Array.from({ length: batches }, (_, batch) =>
    handles.slice(batch * MESSAGES_PER_CALL, (batch + 1) * MESSAGES_PER_CALL),
  );
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
