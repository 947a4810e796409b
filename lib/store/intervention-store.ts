import { randomBytes } from 'node:crypto';
import { type DynamoDBDocumentClient, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { Intervention } from '../interventions/intervention.ts';
import type { PeriodId } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import { interventionKey } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** What persons did to a period, or to no single one, and who they were: added to, never changed, kept for ever. */
export class InterventionStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
  }

  /** @param periodId the period that it concerns; undefined where it concerns no single one */
  async add(periodId: PeriodId | undefined, intervention: Intervention): Promise<void> {
    const Item = { ...interventionKey(periodId, intervention.at, randomBytes(8).toString('hex')), intervention };
    await this.#documents.send(
      new PutCommand({ TableName: this.#table, Item, ConditionExpression: 'attribute_not_exists(pk)' }),
    );
  }

  /**
   * In the order of time.
   * @param periodId undefined for those that concern no single period
   * @param since RFC 3339 in UTC, or the beginning of one such as a date: earlier ones are left out
   */
  async list(periodId: PeriodId | undefined, since = ''): Promise<Intervention[]> {
    const { pk, sk } = interventionKey(periodId, since);
    const query = {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND sk >= :sk',
      ExpressionAttributeValues: { ':pk': pk, ':sk': sk },
      ConsistentRead: true,
    };
    const found: Intervention[] = [];
    // Written by add alone.
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query))
      found.push(...Items.map(({ intervention }) => intervention as Intervention));
    return found;
  }
}
