import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
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

  async *#heads(partition: string, prefix: string): AsyncGenerator<PackageHead> {
    for await (const items of queryPages(this.#client, this.#query(partition, prefix))) {
      for (const item of items) yield packageHeadOf(unmarshall(item));
    }
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
