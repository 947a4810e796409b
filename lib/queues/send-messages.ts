import { setTimeout as delay } from 'node:timers/promises';
import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { MAXIMUM_MESSAGE_BYTES } from '../events/rejected-event.ts';

/**
 * All messages of a request together:
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
 */
const LARGEST_BATCH_BYTES = MAXIMUM_MESSAGE_BYTES;
const LARGEST_BATCH_MESSAGES = 10;
const BATCHES_IN_FLIGHT = 4;
const TRIES = 8;
const RETRY_MILLISECONDS = 100;

/** The queue did not take a message, however often it was offered. */
export class MessageRefused extends HalfmonthError {
  readonly code = 'MESSAGE_REFUSED';
}

/**
 * Sends bodies to a queue in batches, a few at a time, and reads no more bodies than it can send.
 * @param onSent told how many messages have been taken so far
 * @throws MessageRefused
 */
export async function sendMessages(
  client: SQSClient,
  queueUrl: string,
  bodies: Iterable<string> | AsyncIterable<string>,
  onSent: (messages: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  let sent = 0;
  const inFlight = new Set<Promise<void>>();
  for await (const batch of batchesOf(bodies)) {
    signal?.throwIfAborted();
    const sending = sendBatch(client, queueUrl, batch, signal).then(() => {
      inFlight.delete(sending);
      sent += batch.length;
      onSent(sent);
    });
    // The next to wait sees it fail; there may be none at this moment.
    sending.catch(() => {});
    inFlight.add(sending);
    if (inFlight.size >= BATCHES_IN_FLIGHT) await Promise.race(inFlight);
  }
  await Promise.all(inFlight);
}

/** Cuts bodies into what one SendMessageBatch may carry. */
async function* batchesOf(bodies: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for await (const body of bodies) {
    const size = Buffer.byteLength(body);
    if (batch.length === LARGEST_BATCH_MESSAGES || (batch.length > 0 && bytes + size > LARGEST_BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(body);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

async function sendBatch(
  client: SQSClient,
  queueUrl: string,
  batch: string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  let left: SendMessageBatchRequestEntry[] = batch.map((body, index) => ({ Id: String(index), MessageBody: body }));
  for (let attempt = 1; ; attempt++) {
    const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: left });
    const { Failed = [] } = await client.send(command, signal ? { abortSignal: signal } : {});
    if (Failed.length === 0) return;
    const refused = Failed.find(({ SenderFault }) => SenderFault) ?? (attempt === TRIES ? Failed[0] : undefined);
    if (refused) {
      const body = batch[Number(refused.Id)] ?? '';
      throw new MessageRefused(
        `The queue refused a message (${refused.Code}: ${refused.Message}): ${body.slice(0, 200)}`,
      );
    }
    left = left.filter(({ Id }) => Failed.some((failed) => failed.Id === Id));
    await delay(RETRY_MILLISECONDS * 2 ** attempt, undefined, signal ? { signal } : {});
  }
}
