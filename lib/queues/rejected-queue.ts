import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { MAXIMUM_MESSAGE_BYTES, type RejectedEvent, rejectedMessagesOf } from '../events/rejected-event.ts';
import type { RejectedEvents, UnsentEvents } from '../usage/aggregate-batch.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const MAXIMUM_ENTRIES = 10;
const CONCURRENT_BATCHES = 8;

interface Entry {
  text: string;
  bytes: number;
  event: RejectedEvent;
}

/** The rejected queue refused one message of a batch. */
export class RejectionNotSent extends HalfmonthError {
  readonly code = 'REJECTION_NOT_SENT';
}

/** The queue for what can never be counted. */
export class RejectedQueue implements RejectedEvents {
  readonly #client: SQSClient;
  readonly #url: string;

  constructor(client: SQSClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** Sends rejected events; answers those that could not be sent whole, so that their messages come again. */
  async send(events: readonly RejectedEvent[]): Promise<UnsentEvents> {
    const unsent: UnsentEvents = { events: new Set(), failures: [] };
    const limit = pLimit(CONCURRENT_BATCHES);
    await limit.map(batchesOf(events), async (batch) => {
      try {
        await this.#sendBatch(batch, unsent);
      } catch (error) {
        for (const { event } of batch) unsent.events.add(event);
        unsent.failures.push(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return unsent;
  }

  async #sendBatch(batch: readonly Entry[], unsent: UnsentEvents): Promise<void> {
    const { Failed = [] } = await this.#client.send(
      new SendMessageBatchCommand({
        QueueUrl: this.#url,
        Entries: batch.map(({ text }, index) => ({ Id: String(index), MessageBody: text })),
      }),
    );
    for (const { Id, Code } of Failed) {
      const entry = batch[Number(Id)];
      if (entry) unsent.events.add(entry.event);
      unsent.failures.push(new RejectionNotSent(`The rejected queue did not take a message: ${Code}`));
    }
  }
}

/** As many messages a request as fit by number and by bytes. */
function batchesOf(events: readonly RejectedEvent[]): Entry[][] {
  const batches: Entry[][] = [];
  let batch: Entry[] = [];
  let bytes = 0;
  for (const event of events) {
    for (const text of rejectedMessagesOf(event)) {
      const entry = { text, bytes: Buffer.byteLength(text), event };
      if (batch.length === MAXIMUM_ENTRIES || bytes + entry.bytes > MAXIMUM_MESSAGE_BYTES) {
        batches.push(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(entry);
      bytes += entry.bytes;
    }
  }
  return batch.length > 0 ? [...batches, batch] : batches;
}
