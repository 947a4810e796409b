import type { ReceivedMessage, SqsEngine, SqsQueue } from '../../engines/sqs-engine.ts';
import { PAYLOAD_LIMIT_BYTES } from '../lambda/lambda-function.ts';
import { type SqsRecord, sqsRecordOf } from './sqs-record.ts';

/** Records for one invocation and the JSON text that carries them. */
export interface Batch {
  records: SqsRecord[];
  payload: string;
}

/** When a batch is complete. */
export interface BatchLimits {
  batchSize: number;
  /** Counted from the first message on. */
  windowSeconds: number;
}

const OPENING = '{"Records":[';
const CLOSING = ']}';
/** A receive call that finds nothing waits so long for a message. */
const LONG_POLL_SECONDS = 20;
/** SQS gives at most so many messages a call. */
const MESSAGES_PER_RECEIVE = 10;

/** Collects batches from one queue, with as many messages as size, window and the payload limit of Lambda allow. */
export class BatchCollector {
  readonly #queue: SqsQueue;
  readonly #engine: SqsEngine;
  readonly #region: string;
  readonly #limits: BatchLimits;
  /** Received, but too large for the batch before. */
  #leftOver: { record: SqsRecord; text: string; bytes: number }[] = [];

  constructor(queue: SqsQueue, engine: SqsEngine, region: string, limits: BatchLimits) {
    this.#queue = queue;
    this.#engine = engine;
    this.#region = region;
    this.#limits = limits;
  }

  /** The next batch; an empty one after a long poll that found nothing or was cancelled. */
  async collect(isStopped: () => boolean): Promise<Batch> {
    const records: SqsRecord[] = [];
    const texts: string[] = [];
    let bytes = OPENING.length + CLOSING.length;
    let windowEnd: number | undefined;
    while (!isStopped()) {
      const remaining = this.#limits.batchSize - records.length;
      const candidates = this.#leftOver.length > 0 ? this.#takeLeftOver() : this.#receive(remaining);
      for (const [index, candidate] of candidates.entries()) {
        const isFull = records.length === this.#limits.batchSize || bytes + candidate.bytes + 1 > PAYLOAD_LIMIT_BYTES;
        if (isFull && records.length > 0) {
          this.#leftOver = candidates.slice(index);
          return { records, payload: OPENING + texts.join() + CLOSING };
        }
        records.push(candidate.record);
        texts.push(candidate.text);
        bytes += candidate.bytes + 1;
      }
      if (records.length >= this.#limits.batchSize) break;
      if (candidates.length > 0) {
        windowEnd ??= Date.now() + this.#limits.windowSeconds * 1000;
        // A deep queue is emptied in one go, but engines and sockets of this process need a turn too.
        if (records.length % 500 < MESSAGES_PER_RECEIVE) await new Promise(setImmediate);
        continue;
      }
      const waitSeconds = windowEnd === undefined ? LONG_POLL_SECONDS : (windowEnd - Date.now()) / 1000;
      if (waitSeconds <= 0) break;
      const waitStartedAt = Date.now();
      await this.#queue.waitForMessages(waitSeconds);
      const nothingCame = windowEnd === undefined && Date.now() - waitStartedAt >= LONG_POLL_SECONDS * 1000;
      if (nothingCame) break;
    }
    return { records, payload: OPENING + texts.join() + CLOSING };
  }

  /** Messages that were received and are in no batch yet. */
  leftOver(): SqsRecord[] {
    return this.#leftOver.map(({ record }) => record);
  }

  #takeLeftOver(): { record: SqsRecord; text: string; bytes: number }[] {
    const taken = this.#leftOver;
    this.#leftOver = [];
    return taken;
  }

  #receive(limit: number): { record: SqsRecord; text: string; bytes: number }[] {
    return this.#dequeue(Math.min(limit, MESSAGES_PER_RECEIVE)).map((message) => {
      const record = sqsRecordOf(message, this.#queue, this.#region);
      const text = JSON.stringify(record);
      return { record, text, bytes: Buffer.byteLength(text) };
    });
  }

  #dequeue(count: number): ReceivedMessage[] {
    return this.#queue.dequeue(count, undefined, (arn) => this.#engine.queueOf(arn));
  }
}
