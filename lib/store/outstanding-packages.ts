import { BatchGetCommand, type DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { PackageHead, PackageState } from '../packages/package.ts';
import type { PeriodId } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import {
  AFTER_EVERYTHING,
  BUCKETS,
  bucketOf,
  clientPartition,
  outstandingPrefix,
  outstandingSort,
  packageHeadKey,
  periodPartition,
} from './keys.ts';
import { packageHeadOf } from './package-store.ts';
import type { TablesWith } from './tables.ts';

/** A package as the `outstanding` index last saw it, which may be a moment ago: only its head decides. */
export interface OutstandingPackage {
  packageId: string;
  clientId: string;
  part: number;
  state: PackageState;
  submittedAt?: number;
  /** Where it stands in the order in which packages of its state are read. */
  position: string;
}

/** Where a package stands among those of a state, for callers that know it from elsewhere. */
export function positionOf(periodId: PeriodId, state: PackageState, clientId: string, part: number): string {
  return `${clientPartition(periodId, clientId)}/${outstandingSort(state, clientId, part)}`;
}

/** The part of a run's packages that one worker looks at: a range of buckets, and the clients if the run names them. */
export interface PackageSelection {
  periodId: PeriodId;
  /** Both included, 0 to 15. */
  buckets: { from: number; to: number };
  clients?: readonly string[];
}

/** Reads the packages of which something remains to be done. */
export class OutstandingPackages {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, packages }: TablesWith<'packages'>) {
    this.#documents = documentClientOf(client);
    this.#table = packages;
  }

  /**
   * Packages in one state, client by client within a bucket.
   * @param after a `position`: those up to it are left out
   * @param atOnce so many are read in one request; as many as it can hold where all are wanted
   */
  async *inState(
    selection: PackageSelection,
    state: PackageState,
    after?: string,
    atOnce?: number,
  ): AsyncGenerator<OutstandingPackage> {
    const ranges = rangesOf(selection, state);
    for (const range of after === undefined ? ranges : rangesAfter(ranges, after)) yield* this.#range(range, atOnce);
  }

  /** How many packages the index holds in one state. */
  async count(selection: PackageSelection, state: PackageState): Promise<number> {
    const counts = await Promise.all(rangesOf(selection, state).map((range) => this.#countRange(range)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Heads by package, read consistently, at most 100; those that do not exist are left out. */
  async heads(
    periodId: PeriodId,
    packages: readonly Pick<OutstandingPackage, 'clientId' | 'part'>[],
  ): Promise<PackageHead[]> {
    let keys: Record<string, unknown>[] = packages.map(({ clientId, part }) => ({
      ...packageHeadKey(periodId, clientId, part),
    }));
    const heads: PackageHead[] = [];
    while (keys.length > 0) {
      const { Responses, UnprocessedKeys } = await this.#documents.send(
        new BatchGetCommand({ RequestItems: { [this.#table]: { Keys: keys, ConsistentRead: true } } }),
      );
      heads.push(...(Responses?.[this.#table] ?? []).map(packageHeadOf));
      keys = UnprocessedKeys?.[this.#table]?.Keys ?? [];
    }
    return heads;
  }

  async *#range({ partition, from, to }: IndexRange, atOnce?: number): AsyncGenerator<OutstandingPackage> {
    const query = { ...this.#query(partition, from, to), ...(atOnce ? { Limit: atOnce } : {}) };
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) {
      for (const item of Items) yield outstandingOf(item);
    }
  }

  async #countRange({ partition, from, to }: IndexRange): Promise<number> {
    let count = 0;
    const query = { ...this.#query(partition, from, to), Select: 'COUNT' } as const;
    for await (const { Count = 0 } of paginateQuery({ client: this.#documents }, query)) count += Count;
    return count;
  }

  #query(partition: string, from: string, to: string) {
    return {
      TableName: this.#table,
      IndexName: 'outstanding',
      KeyConditionExpression: 'pk = :pk AND outstandingSort BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': partition, ':from': from, ':to': to },
    };
  }
}

interface IndexRange {
  partition: string;
  from: string;
  to: string;
}

function rangesOf({ periodId, buckets, clients }: PackageSelection, state: PackageState): IndexRange[] {
  const range = (bucket: number, prefix: string): IndexRange => ({
    partition: periodPartition(periodId, bucket),
    from: prefix,
    to: `${prefix}${AFTER_EVERYTHING}`,
  });
  if (clients) {
    return clients
      .map((clientId) => ({ clientId, bucket: bucketOf(clientId) }))
      .filter(({ bucket }) => bucket >= buckets.from && bucket <= buckets.to)
      .map(({ clientId, bucket }) => range(bucket, outstandingPrefix(state, clientId)));
  }
  return Array.from({ length: BUCKETS }, (_, bucket) => bucket)
    .filter((bucket) => bucket >= buckets.from && bucket <= buckets.to)
    .map((bucket) => range(bucket, outstandingPrefix(state)));
}

/** What is left of ranges after a position; all of them when the position is in none. */
function rangesAfter(ranges: IndexRange[], position: string): IndexRange[] {
  const [partition, sort = ''] = splitOnce(position, '/');
  const index = ranges.findIndex((range) => range.partition === partition && range.from <= sort && sort <= range.to);
  const current = ranges[index];
  // A sort key ends with the digits of the part, and "!" sorts before them: the next key after it is the next package.
  return current ? [{ ...current, from: `${sort}!` }, ...ranges.slice(index + 1)] : ranges;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

function outstandingOf(item: Record<string, unknown>): OutstandingPackage {
  // The index projects these attributes of heads, which packageHeadItem wrote.
  const { pk, packageId, outstandingSort, state, submittedAt } = item as {
    pk: string;
    packageId: string;
    outstandingSort: string;
    state: PackageState;
    submittedAt?: number;
  };
  const [, clientId = '', part = '1'] = outstandingSort.split('#');
  return {
    packageId,
    clientId,
    part: Number(part),
    state,
    position: `${pk}/${outstandingSort}`,
    ...(submittedAt === undefined ? {} : { submittedAt }),
  };
}
