import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import { estimatedSlicesOfMarks } from '../usage/slice-marks.ts';
import { periodPartition, SEPARATOR } from './keys.ts';
import { queryPages, type RawItem, textOf } from './query-pages.ts';

/** Sorts before every key. */
const BEFORE_EVERYTHING = ' ';

/** How many records a worker will read for one client-day. */
export interface RecordWeight {
  clientId: string;
  records: number;
}

/** Neighbouring client-days, and where to go on after them. */
export interface RecordWeightsPage {
  weights: RecordWeight[];
  /** The sort key of the last one. */
  lastKey: string;
}

/** The keys of daily records with the planner's weights; nothing else of them is read. */
export class RecordWeights {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #sliceMinutes: number;

  constructor(client: DynamoDBClient, table: string, sliceMinutes: number) {
    this.#client = client;
    this.#table = table;
    this.#sliceMinutes = sliceMinutes;
  }

  /**
   * A bucket's client-days in the order of clients, page by page.
   * @param after the last key of a page: those up to it are left out
   */
  async *pages(periodId: PeriodId, bucket: number, after = BEFORE_EVERYTHING): AsyncGenerator<RecordWeightsPage> {
    const pages = queryPages(this.#client, {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND sk > :after',
      ExpressionAttributeValues: { ':pk': { S: periodPartition(periodId, bucket) }, ':after': { S: after } },
      ProjectionExpression: 'sk, sliceMarks',
    });
    for await (const page of pages) {
      const keys = page.map((item) => textOf(item, 'sk'));
      const weights = page.map((item, index) => {
        const key = keys[index] ?? '';
        return { clientId: key.slice(0, key.indexOf(SEPARATOR)), records: 1 + this.#slicesOf(item) };
      });
      yield { weights, lastKey: keys.at(-1) ?? after };
    }
  }

  #slicesOf(item: RawItem): number {
    return estimatedSlicesOfMarks((item.sliceMarks?.NS ?? []).map(Number), this.#sliceMinutes);
  }
}
