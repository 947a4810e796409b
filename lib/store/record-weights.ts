import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import { estimatedSlicesOfMarks } from '../usage/slice-marks.ts';
import { periodPartition, SEPARATOR } from './keys.ts';
import { queryPages, type RawItem, textOf } from './query-pages.ts';

/** How many records a worker will read for one client-day. */
export interface RecordWeight {
  clientId: string;
  records: number;
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

  /** A bucket's client-days in the order of clients, page by page. */
  async *pages(periodId: PeriodId, bucket: number): AsyncGenerator<RecordWeight[]> {
    const pages = queryPages(this.#client, {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: periodPartition(periodId, bucket) } },
      ProjectionExpression: 'sk, sliceMarks',
    });
    for await (const page of pages) {
      yield page.map((item) => {
        const key = textOf(item, 'sk');
        return { clientId: key.slice(0, key.indexOf(SEPARATOR)), records: 1 + this.#slicesOf(item) };
      });
    }
  }

  #slicesOf(item: RawItem): number {
    return estimatedSlicesOfMarks((item.sliceMarks?.NS ?? []).map(Number), this.#sliceMinutes);
  }
}
