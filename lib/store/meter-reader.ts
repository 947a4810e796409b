import { type AttributeValue, type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { RegisteredMeter } from '../meters/meter.ts';
import type { MeterEntries } from '../meters/meter-registry.ts';
import { AFTER_EVERYTHING, keyAttributes, METERS_STATE_KEY, meterPrefix } from './keys.ts';
import { numberOf, queryPages, type RawItem } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** What is known of meters, with all that was known before. */
export class MeterReader implements MeterEntries {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#client = client;
    this.#table = runs;
  }

  async revision(): Promise<number> {
    const { Item = {} } = await this.#client.send(
      new GetItemCommand({ TableName: this.#table, Key: keyAttributes(METERS_STATE_KEY), ConsistentRead: true }),
    );
    return numberOf(Item, 'revision', 0);
  }

  async list(): Promise<RegisteredMeter[]> {
    const latest = new Map<string, RegisteredMeter>();
    for await (const meter of this.#entries(meterPrefix())) latest.set(meter.name, meter);
    return [...latest.values()];
  }

  /** A meter's entries, the oldest first; none for one that was never registered. */
  async history(name: string): Promise<RegisteredMeter[]> {
    const entries: RegisteredMeter[] = [];
    for await (const meter of this.#entries(meterPrefix(name))) entries.push(meter);
    return entries;
  }

  /** In the order of names, and of each the oldest first. */
  async *#entries(prefix: string): AsyncGenerator<RegisteredMeter> {
    const query = {
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: {
        ':pk': { S: METERS_STATE_KEY.pk },
        ':from': { S: prefix },
        ':to': { S: prefix + AFTER_EVERYTHING },
      },
    };
    for await (const items of queryPages(this.#client, query)) yield* items.map(meterOf);
  }
}

/** A meter as its entry keeps it: texts and whole numbers, each under its own name. */
export function attributesOfMeter(meter: RegisteredMeter): RawItem {
  return Object.fromEntries(
    Object.entries(meter).map(([field, value]): [string, AttributeValue] => [
      field,
      typeof value === 'number' ? { N: String(value) } : { S: value },
    ]),
  );
}

function meterOf({ pk: _pk, sk: _sk, ...item }: RawItem): RegisteredMeter {
  // Written from a RegisteredMeter, and never changed.
  return Object.fromEntries(
    Object.entries(item).map(([field, { N, S }]) => [field, N === undefined ? S : Number(N)]),
  ) as unknown as RegisteredMeter;
}
