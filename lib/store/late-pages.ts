import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import type { LateEvent } from '../usage/records.ts';
import { AFTER_EVERYTHING, type PrimaryKey, SEPARATOR } from './keys.ts';
import { queryPages, type RawItem, textOf } from './query-pages.ts';
import { lateEventsOf } from './slice-items.ts';

/** The late events of one page of a usage slice, as the index lists them. */
export interface ListedPage extends PrimaryKey {
  events: LateEvent[];
}

/**
 * The sparse index of slice pages with late events. Counting lists a page in the write that counts a late event; a page leaves the
 * index once the ledger says of each of its late events how it was billed, and is listed anew by the next one.
 */
export class LatePages {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /**
   * What the index lists of a period, as it was a moment ago, a query's answer (1 MB at most) at a time.
   * @param clientId only this client's
   */
  async *listed(periodId: PeriodId, clientId?: string): AsyncGenerator<ListedPage[]> {
    const prefix = clientId === undefined ? undefined : clientId + SEPARATOR;
    const query = {
      TableName: this.#table,
      IndexName: 'lateUsage',
      KeyConditionExpression: `latePeriod = :period${prefix === undefined ? '' : ' AND sk BETWEEN :from AND :to'}`,
      ExpressionAttributeValues: {
        ':period': { S: periodId },
        ...(prefix === undefined ? {} : { ':from': { S: prefix }, ':to': { S: prefix + AFTER_EVERYTHING } }),
      },
    };
    for await (const items of queryPages(this.#client, query)) yield items.map(listedPageOf);
  }

  /**
   * Takes a page out of the index if it is what it was when it was read: an event that was counted in it since may be late, and keeps
   * it listed. The version stays, so counting is not disturbed and the same call again changes nothing.
   */
  async unlist({ pk, sk }: PrimaryKey, version: number): Promise<void> {
    try {
      await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: { pk: { S: pk }, sk: { S: sk } },
          UpdateExpression: 'REMOVE latePeriod',
          ConditionExpression: '#version = :version',
          ExpressionAttributeNames: { '#version': 'version' },
          ExpressionAttributeValues: { ':version': { N: String(version) } },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
}

function listedPageOf(item: RawItem): ListedPage {
  return { pk: textOf(item, 'pk'), sk: textOf(item, 'sk'), events: lateEventsOf(item) };
}
