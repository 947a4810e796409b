import { ChangeMessageVisibilityBatchCommand, DeleteMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import pLimit from 'p-limit';
import { queueDepth } from './queue-depth.ts';

/**
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html, and the same where
 * visibility is changed.
 */
const MAXIMUM_ENTRIES = 10;
const CONCURRENT_BATCHES = 16;
/** Half of what SQS lets be in flight: its counts lag behind by up to a minute. */
export const CROWDED_MESSAGES_IN_FLIGHT = 60_000;
/** Two thousand messages that fail each second are 120,000 in flight then, instead of 250. */
const SOON_SECONDS = 60;

/** The events queue, as far as counting does not leave it to the event source. */
export class EventsQueue {
  readonly #client: SQSClient;
  readonly #url: string;

  constructor(client: SQSClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** Deletes messages; what the queue refuses is delivered again, which does no harm. */
  async delete(receiptHandles: readonly string[]): Promise<void> {
    await this.#inBatches(receiptHandles, (Entries) =>
      this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries })),
    );
  }

  /**
   * Lets failed messages come back sooner where so many are in flight that SQS would soon hand out no more, good ones
   * included. Until then they come back when their visibility ends, so that they last through a longer outage.
   */
  async makeRoom(receiptHandles: readonly string[]): Promise<void> {
    const { inFlight } = await queueDepth(this.#client, this.#url);
    if (inFlight < CROWDED_MESSAGES_IN_FLIGHT) return;
    await this.#inBatches(receiptHandles, (entries) => {
      const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout: SOON_SECONDS }));
      return this.#client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#url, Entries }));
    });
  }

  async #inBatches(
    receiptHandles: readonly string[],
    send: (entries: { Id: string; ReceiptHandle: string }[]) => Promise<unknown>,
  ): Promise<void> {
    const limit = pLimit(CONCURRENT_BATCHES);
    const starts = Array.from(
      { length: Math.ceil(receiptHandles.length / MAXIMUM_ENTRIES) },
      (_, index) => index * MAXIMUM_ENTRIES,
    );
    await limit.map(starts, (start) => {
      const some = receiptHandles.slice(start, start + MAXIMUM_ENTRIES);
      return send(some.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle })));
    });
  }
}
