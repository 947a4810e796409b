import {
  type AttributeValue,
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { keyAttributes, type PrimaryKey } from './keys.ts';

/**
 * An item as DynamoDB carries it: numbers are text, so no digit is lost and nothing is converted that is not needed.
 */
export type RawItem = Record<string, AttributeValue>;

/**
 * Reads a query page by page and asks for the next page while the caller works on this one: at most two pages, of 1 MB
 * at most, are held.
 */
export async function* queryPages(client: DynamoDBClient, input: QueryCommandInput): AsyncGenerator<RawItem[]> {
  let pending = settled(client.send(new QueryCommand(input)));
  for (;;) {
    const outcome = await pending;
    if ('error' in outcome) throw outcome.error;
    const { Items, LastEvaluatedKey } = outcome.value;
    if (LastEvaluatedKey) {
      pending = settled(client.send(new QueryCommand({ ...input, ExclusiveStartKey: LastEvaluatedKey })));
    }
    if (Items?.length) yield Items;
    if (!LastEvaluatedKey) return;
  }
}

/** A request that runs ahead may fail before anybody waits for it; its error is kept until then. */
function settled<Value>(promise: Promise<Value>): Promise<{ value: Value } | { error: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The text of a string attribute. @throws TypeError when there is none: the item is not one of ours */
export function textOf(item: RawItem, attribute: string): string {
  const text = item[attribute]?.S;
  if (text === undefined) throw new TypeError(`an item without ${attribute}: ${item.pk?.S}, ${item.sk?.S}`);
  return text;
}

/** The whole number in an attribute, or `otherwise` when there is none. */
export function numberOf(item: RawItem, attribute: string, otherwise: number): number {
  const text = item[attribute]?.N;
  return text === undefined ? otherwise : Number(text);
}

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
    [table]: { ...shape, Keys: keys.map(keyAttributes) },
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

/**
 * What is longer than one item may hold, 400 KB with its names and keys
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-items), is kept in pages
 * of this many bytes, or characters of one byte each.
 */
export const PAGE_LENGTH = 300_000;

/** Cuts a text or bytes into pages, in order; of nothing there is one empty page. */
export function pagesOf<Content extends { length: number; slice(start: number, end: number): Content }>(
  content: Content,
): Content[] {
  const count = Math.max(1, Math.ceil(content.length / PAGE_LENGTH));
  return Array.from({ length: count }, (_, page) => content.slice(page * PAGE_LENGTH, (page + 1) * PAGE_LENGTH));
}

/**
 * Lines, joined by line feeds, in as many texts as they need without cutting a line; of none there is one empty text.
 */
export function pagesOfLines(lines: readonly string[]): string[] {
  const pages: string[] = [];
  let page = '';
  for (const line of lines) {
    if (page !== '' && page.length + 1 + line.length > PAGE_LENGTH) {
      pages.push(page);
      page = line;
    } else {
      page = page === '' ? line : `${page}\n${line}`;
    }
  }
  return [...pages, page];
}
