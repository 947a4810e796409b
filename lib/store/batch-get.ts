import { BatchGetItemCommand, type BatchGetItemCommandOutput, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { PrimaryKey } from './keys.ts';
import type { RawItem } from './query-pages.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
const BATCH_GET_LIMIT = 100;
const CONCURRENT_BATCHES = 4;
const MAXIMUM_ROUNDS = 8;
const FIRST_PAUSE_MILLISECONDS = 25;

/** The table was too busy to hand over all items; the request can be made again. */
export class ReadThrottled extends HalfmonthError {
  readonly code = 'READ_THROTTLED';
}

/** How items are read. */
export interface BatchGetOptions {
  /** The attributes that are wanted; all of them without. */
  projection?: string;
  /** Twice the price, and as the items are now. */
  isConsistent?: boolean;
}

/**
 * Reads many items by their keys, a hundred a request. What the table puts off is asked for again, with
 * growing pauses.
 * @throws ReadThrottled when it keeps putting keys off
 */
export async function batchGet(
  client: DynamoDBClient,
  table: string,
  keys: readonly PrimaryKey[],
  options: BatchGetOptions = {},
): Promise<RawItem[]> {
  const batches: PrimaryKey[][] = [];
  for (let start = 0; start < keys.length; start += BATCH_GET_LIMIT) {
    batches.push(keys.slice(start, start + BATCH_GET_LIMIT));
  }
  const limit = pLimit(CONCURRENT_BATCHES);
  const items = await limit.map(batches, (batch) => getBatch(client, table, batch, options));
  return items.flat();
}

async function getBatch(
  client: DynamoDBClient,
  table: string,
  keys: readonly PrimaryKey[],
  { projection, isConsistent }: BatchGetOptions,
): Promise<RawItem[]> {
  const items: RawItem[] = [];
  const shape = {
    ...(projection === undefined ? {} : { ProjectionExpression: projection }),
    ...(isConsistent ? { ConsistentRead: true } : {}),
  };
  let pending: BatchGetItemCommandOutput['UnprocessedKeys'] = {
    [table]: { ...shape, Keys: keys.map(({ pk, sk }) => ({ pk: { S: pk }, sk: { S: sk } })) },
  };
  for (let round = 0; pending?.[table]?.Keys?.length; round++) {
    if (round === MAXIMUM_ROUNDS)
      throw new ReadThrottled(`${table} put off ${pending[table].Keys.length} of ${keys.length} reads.`);
    if (round > 0) await pause(FIRST_PAUSE_MILLISECONDS * 2 ** round * Math.random());
    const { Responses, UnprocessedKeys }: BatchGetItemCommandOutput = await client.send(
      new BatchGetItemCommand({ RequestItems: pending }),
    );
    items.push(...(Responses?.[table] ?? []));
    pending = UnprocessedKeys;
  }
  return items;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
