import { isDeepStrictEqual } from 'node:util';
import {
  type AttributeValue,
  BatchGetItemCommand,
  type BatchGetItemCommandInput,
  type BatchGetItemCommandOutput,
  BatchWriteItemCommand,
  type DynamoDBClient,
  paginateScan,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import pLimit from 'p-limit';
import { pauseBefore } from './handed-back.ts';
import { isLastingPartition, keyAttributes, keyOf } from './keys.ts';

/** What making one table like another came to. */
export interface CopyCounts {
  /** Items that were different or gone. */
  written: number;
  /** Items that the source does not have. */
  removed: number;
  /** Items that were as in the source already, and certificates and interventions that only the copy has. */
  kept: number;
}

type Item = Record<string, AttributeValue>;

/** Parts of a table that are read side by side. */
const SEGMENTS = 8;
const GET_LIMIT = 100;
const WRITE_LIMIT = 25;

/**
 * Makes a table hold what another one of the same keys holds, such as one that was restored beside it. The other is
 * only read. May be begun anew at any time. Certificates and interventions are never removed. Nobody else may write to
 * either table meanwhile.
 * @param onProgress is told so far, now and then
 */
export async function makeLike(
  client: DynamoDBClient,
  { source, copy }: { source: string; copy: string },
  onProgress: (counts: CopyCounts) => void = () => {},
): Promise<CopyCounts> {
  const counts = { written: 0, removed: 0, kept: 0 };
  const inSegments = async (table: string, work: (items: Item[]) => Promise<void>) => {
    const limit = pLimit(SEGMENTS);
    const segments = Array.from({ length: SEGMENTS }, (_, Segment) => Segment);
    await Promise.all(
      segments.map((Segment) =>
        limit(async () => {
          const scan = { TableName: table, Segment, TotalSegments: SEGMENTS, ConsistentRead: true };
          for await (const { Items = [] } of paginateScan({ client }, scan)) {
            for (let start = 0; start < Items.length; start += GET_LIMIT)
              await work(Items.slice(start, start + GET_LIMIT));
            onProgress(counts);
          }
        }),
      ),
    );
  };
  await inSegments(source, async (items) => {
    const there = await itemsOf(client, copy, items);
    const different = items.filter((item) => !isDeepStrictEqual(item, there.get(nameOf(item))));
    await writeAll(
      client,
      copy,
      different.map((Item) => ({ PutRequest: { Item } })),
    );
    counts.written += different.length;
    counts.kept += items.length - different.length;
  });
  await inSegments(copy, async (items) => {
    const there = await itemsOf(client, source, items);
    const onlyHere = items.filter((item) => !there.has(nameOf(item)));
    const removable = onlyHere.filter((item) => !isLastingPartition(keyOf(item).pk));
    await writeAll(
      client,
      copy,
      removable.map((item) => ({ DeleteRequest: { Key: keyAttributes(keyOf(item)) } })),
    );
    counts.removed += removable.length;
    counts.kept += onlyHere.length - removable.length;
  });
  return counts;
}

async function itemsOf(client: DynamoDBClient, table: string, items: readonly Item[]): Promise<Map<string, Item>> {
  const found = new Map<string, Item>();
  let Keys: Item[] | undefined = items.map((item) => keyAttributes(keyOf(item)));
  for (let attempt = 0; Keys && Keys.length > 0; attempt++) {
    await pauseBefore(attempt);
    const request: BatchGetItemCommandInput = { RequestItems: { [table]: { Keys, ConsistentRead: true } } };
    const { Responses, UnprocessedKeys }: BatchGetItemCommandOutput = await client.send(
      new BatchGetItemCommand(request),
    );
    for (const item of Responses?.[table] ?? []) found.set(nameOf(item), item);
    Keys = UnprocessedKeys?.[table]?.Keys;
  }
  return found;
}

async function writeAll(client: DynamoDBClient, table: string, requests: readonly WriteRequest[]): Promise<void> {
  for (let start = 0; start < requests.length; start += WRITE_LIMIT) {
    let left: WriteRequest[] = requests.slice(start, start + WRITE_LIMIT);
    for (let attempt = 0; left.length > 0; attempt++) {
      await pauseBefore(attempt);
      const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: left } }));
      left = UnprocessedItems?.[table] ?? [];
    }
  }
}

function nameOf(item: Item): string {
  const { pk, sk } = keyOf(item);
  return JSON.stringify([pk, sk]);
}
