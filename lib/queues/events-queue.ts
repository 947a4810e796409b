import { DeleteMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import pLimit from 'p-limit';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html */
const MAXIMUM_ENTRIES = 10;
const CONCURRENT_BATCHES = 16;

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
    const limit = pLimit(CONCURRENT_BATCHES);
    const starts = Array.from(
      { length: Math.ceil(receiptHandles.length / MAXIMUM_ENTRIES) },
      (_, index) => index * MAXIMUM_ENTRIES,
    );
    await limit.map(starts, async (start) => {
      const entries = receiptHandles.slice(start, start + MAXIMUM_ENTRIES);
      await this.#client.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.#url,
          Entries: entries.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle })),
        }),
      );
    });
  }
}
