import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import type { Observations } from '../usage/observations.ts';
import { periodKey } from './keys.ts';
import { numberOf } from './query-pages.ts';

/**
 * Keeps how many duplicates and rejected events counting saw, by period. At least: what a batch saw that was cut off before it
 * wrote this down is not in it. Nothing that is billed depends on it.
 */
export class ObservationStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  /** @param table the runs table */
  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Adds what one batch came to. */
  async add(periodId: PeriodId, { duplicates, rejected }: Observations): Promise<void> {
    await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: keyOf(periodId),
        UpdateExpression: 'ADD duplicates :duplicates, rejected :rejected',
        ExpressionAttributeValues: { ':duplicates': { N: String(duplicates) }, ':rejected': { N: String(rejected) } },
      }),
    );
  }

  /** What was seen in a period so far. */
  async load(periodId: PeriodId): Promise<Observations> {
    const { Item = {} } = await this.#client.send(
      new GetItemCommand({ TableName: this.#table, Key: keyOf(periodId), ConsistentRead: true }),
    );
    return { duplicates: numberOf(Item, 'duplicates', 0), rejected: numberOf(Item, 'rejected', 0) };
  }
}

function keyOf(periodId: PeriodId) {
  const { pk, sk } = periodKey(periodId, 'observed');
  return { pk: { S: pk }, sk: { S: sk } };
}
