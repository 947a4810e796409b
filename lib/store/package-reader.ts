import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { PackageHead } from '../packages/package.ts';
import type { PeriodId } from '../periods/periods.ts';
import { AFTER_EVERYTHING, BUCKETS, clientPartition, periodPartition, SEPARATOR } from './keys.ts';
import type { PackageRevision } from './package-store.ts';
import { packageHeadOf, packageRevisionOf } from './package-store.ts';
import { queryPages } from './query-pages.ts';

/** Reads packages for people: whole periods and whole packages, at the pace of the reader. */
export class PackageReader {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Every head of a period, by bucket and then by client; memory holds two pages. */
  async *heads(periodId: PeriodId): AsyncGenerator<PackageHead> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      yield* this.#heads(periodPartition(periodId, bucket), `head${SEPARATOR}`);
    }
  }

  /** The heads of one client's packages. */
  async headsOfClient(periodId: PeriodId, clientId: string): Promise<PackageHead[]> {
    const heads: PackageHead[] = [];
    const prefix = ['head', clientId, ''].join(SEPARATOR);
    for await (const head of this.#heads(clientPartition(periodId, clientId), prefix)) heads.push(head);
    return heads;
  }

  /** Every revision that is kept of a client's packages, in the order of parts and revisions. */
  async revisionsOfClient(periodId: PeriodId, clientId: string): Promise<PackageRevision[]> {
    const revisions: PackageRevision[] = [];
    const prefix = ['document', clientId, ''].join(SEPARATOR);
    for await (const items of queryPages(this.#client, this.#query(clientPartition(periodId, clientId), prefix))) {
      revisions.push(...items.map((item) => packageRevisionOf(unmarshall(item))));
    }
    return revisions;
  }

  /** The packages of a period, counted without reading what is in them. */
  async count(periodId: PeriodId): Promise<number> {
    const counts = await Promise.all(
      Array.from({ length: BUCKETS }, (_, bucket) => this.#count(periodPartition(periodId, bucket))),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async *#heads(partition: string, prefix: string): AsyncGenerator<PackageHead> {
    for await (const items of queryPages(this.#client, this.#query(partition, prefix))) {
      for (const item of items) yield packageHeadOf(unmarshall(item));
    }
  }

  async #count(partition: string): Promise<number> {
    let count = 0;
    let start: Record<string, never> | undefined;
    do {
      const { Count = 0, LastEvaluatedKey } = await this.#client.send(
        new QueryCommand({
          ...this.#query(partition, `head${SEPARATOR}`),
          Select: 'COUNT',
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      count += Count;
      // The key goes back as it came.
      start = LastEvaluatedKey as Record<string, never> | undefined;
    } while (start);
    return count;
  }

  #query(partition: string, prefix: string) {
    return {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: {
        ':pk': { S: partition },
        ':from': { S: prefix },
        ':to': { S: `${prefix}${AFTER_EVERYTHING}` },
      },
    };
  }
}
