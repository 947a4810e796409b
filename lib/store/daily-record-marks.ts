import { type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import { BoundedCache } from '../usage/bounded-cache.ts';
import { estimatedSlicesOfMarks } from '../usage/slice-marks.ts';
import type { DailyRecordMarks, DayMark } from '../usage/usage-slices.ts';
import { clientOfKey, dailyRecordKey, keyAttributes, periodPartition } from './keys.ts';
import { batchGet, queryPages, type RawItem, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** What is remembered of marks takes so many bytes at most, unless it is said otherwise. */
const DEFAULT_CACHE_BYTES = 16 * 1024 * 1024;

/**
 * Makes daily records. The first thing that is ever written for a client's day is its record here, with the mark of the
 * slice that is about to be written, so a list of daily records misses no usage. Totals are packaging's to fold.
 */
export class DailyRecordStore implements DailyRecordMarks {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  /** Known to be there. */
  readonly #known: BoundedCache<true>;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(
    { client, dailyRecords }: TablesWith<'dailyRecords'>,
    { cacheBytes = DEFAULT_CACHE_BYTES }: { cacheBytes?: number } = {},
  ) {
    this.#client = client;
    this.#table = dailyRecords;
    this.#known = new BoundedCache(cacheBytes, () => 0);
  }

  async learn(marks: readonly DayMark[]): Promise<void> {
    const unknown = marks.filter((mark) => !this.#known.get(nameOf(mark)));
    const days = new Map(
      unknown.map(({ clientId, day }) => dailyRecordKey(clientId, day)).map((key) => [key.sk, key] as const),
    );
    for (const item of await batchGet(this.#client, this.#table, [...days.values()], {
      projection: 'sk, sliceMarks',
    })) {
      for (const mark of item.sliceMarks?.NS ?? []) this.#known.keep(`${item.sk?.S} ${mark}`, true);
    }
  }

  async ensure(mark: DayMark): Promise<void> {
    const name = nameOf(mark);
    if (this.#known.get(name)) return;
    let writing = this.#underWay.get(name);
    if (!writing) {
      writing = this.#write(mark).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, writing);
    }
    await writing;
    this.#known.keep(name, true);
  }

  async #write({ clientId, day, mark }: DayMark): Promise<void> {
    await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: keyAttributes(dailyRecordKey(clientId, day)),
        // The same values each time: the index is written once a day.
        UpdateExpression: 'SET clientId = :clientId, #day = :day ADD sliceMarks :marks',
        ExpressionAttributeNames: { '#day': 'day' },
        ExpressionAttributeValues: {
          ':clientId': { S: clientId },
          ':day': { S: day },
          ':marks': { NS: [String(mark)] },
        },
      }),
    );
  }
}

function nameOf({ clientId, day, mark }: DayMark): string {
  return `${dailyRecordKey(clientId, day).sk} ${mark}`;
}

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

  constructor({ client, dailyRecords }: TablesWith<'dailyRecords'>, sliceMinutes: number) {
    this.#client = client;
    this.#table = dailyRecords;
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
        return { clientId: clientOfKey(keys[index] ?? ''), records: 1 + this.#slicesOf(item) };
      });
      yield { weights, lastKey: keys.at(-1) ?? after };
    }
  }

  #slicesOf(item: RawItem): number {
    return estimatedSlicesOfMarks((item.sliceMarks?.NS ?? []).map(Number), this.#sliceMinutes);
  }
}
