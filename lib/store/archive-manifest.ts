import { type AttributeValue, type DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import type { MeterGroup } from '../usage/control-total.ts';
import { archiveEntryKey, keyAttributes } from './keys.ts';
import { numberOf, queryPages, type RawItem, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** One object of the archive: what became of the events of one batch and period. */
export interface ManifestEntry {
  periodId: PeriodId;
  /** The instance of the counting function, as its control totals name it. */
  instance: string;
  /** From 1, within the instance. */
  sequence: number;
  /** RFC 3339, UTC: when the object was written. */
  at: string;
  /** SHA-256 of the object's bytes as counting wrote them, in hex. */
  sha256: string;
  bytes: number;
  /** Where each bucket's lines are in the object: the first byte, and the one after the last. */
  members: ReadonlyMap<number, readonly [start: number, end: number]>;
  /** Events that the batch counted. */
  counted: number;
  duplicates: number;
  unsure: number;
  /** Sums of what it counted, by group of meters, as control totals have them. */
  groups: ReadonlyMap<MeterGroup, string>;
  /** Where the object is since lines of it were removed; `bytes` and `members` are of that one. */
  rewrittenKey?: string;
}

const SECONDS_PER_DAY = 86_400;

/** The list of the archive's objects, an item each, in the runs table. */
export class ArchiveManifest {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #livesSeconds: number;

  /** @param retentionDays how long entries are kept that are put here: as long as objects */
  constructor({ client, runs }: TablesWith<'runs'>, retentionDays = 0) {
    this.#client = client;
    this.#table = runs;
    this.#livesSeconds = retentionDays * SECONDS_PER_DAY;
  }

  /**
   * Lists an object. The same entry again changes nothing but the time.
   * @param signal ends the request
   */
  async put(entry: ManifestEntry, signal?: AbortSignal): Promise<void> {
    const { periodId, instance, sequence } = entry;
    const expiresAt = Math.ceil(Date.parse(entry.at) / 1000) + this.#livesSeconds;
    await this.#client.send(
      new PutItemCommand({
        TableName: this.#table,
        Item: {
          ...keyAttributes(archiveEntryKey(periodId, instance, sequence)),
          ...attributesOf(entry),
          expiresAt: { N: String(expiresAt) },
        },
      }),
      signal ? { abortSignal: signal } : {},
    );
  }

  /** Says where an object is since lines of it were removed, and what of it is where. All else stays as it was. */
  async rewrite(
    entry: Pick<ManifestEntry, 'periodId' | 'instance' | 'sequence' | 'bytes' | 'members'>,
    key: string,
  ): Promise<void> {
    await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: keyAttributes(archiveEntryKey(entry.periodId, entry.instance, entry.sequence)),
        UpdateExpression: 'SET rewrittenKey = :key, #bytes = :bytes, members = :members',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeNames: { '#bytes': 'bytes' },
        ExpressionAttributeValues: {
          ':key': { S: key },
          ':bytes': { N: String(entry.bytes) },
          ':members': { S: textOfMembers(entry.members) },
        },
      }),
    );
  }

  /** The objects of a period, by instance and in the order in which each wrote them, as they are now. */
  async *entries(periodId: PeriodId): AsyncGenerator<ManifestEntry> {
    const { pk } = archiveEntryKey(periodId, '', 0);
    const query = {
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: pk } },
    };
    for await (const items of queryPages(this.#client, query)) for (const item of items) yield entryOf(periodId, item);
  }
}

function attributesOf(entry: ManifestEntry): RawItem {
  const groups = [...entry.groups].map(([group, sum]): [string, AttributeValue] => [group, { S: sum }]);
  return {
    instance: { S: entry.instance },
    sequence: { N: String(entry.sequence) },
    at: { S: entry.at },
    sha256: { S: entry.sha256 },
    bytes: { N: String(entry.bytes) },
    members: { S: textOfMembers(entry.members) },
    counted: { N: String(entry.counted) },
    duplicates: { N: String(entry.duplicates) },
    unsure: { N: String(entry.unsure) },
    groups: { M: Object.fromEntries(groups) },
  };
}

function textOfMembers(members: ManifestEntry['members']): string {
  return [...members].map(([bucket, [start, end]]) => `${bucket}:${start}-${end}`).join(',');
}

function entryOf(periodId: PeriodId, item: RawItem): ManifestEntry {
  const members = [...textOf(item, 'members').matchAll(/(\d+):(\d+)-(\d+)/g)].map(
    ([, bucket, start, end]) => [Number(bucket), [Number(start), Number(end)]] as const,
  );
  return {
    periodId,
    instance: textOf(item, 'instance'),
    sequence: numberOf(item, 'sequence', 0),
    at: textOf(item, 'at'),
    sha256: textOf(item, 'sha256'),
    bytes: numberOf(item, 'bytes', 0),
    members: new Map(members),
    counted: numberOf(item, 'counted', 0),
    duplicates: numberOf(item, 'duplicates', 0),
    unsure: numberOf(item, 'unsure', 0),
    groups: new Map(Object.entries(item.groups?.M ?? {}).map(([group, { S = '0' }]) => [group, S])),
    ...(item.rewrittenKey?.S === undefined ? {} : { rewrittenKey: item.rewrittenKey.S }),
  };
}
