import { type DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { FoldedDay } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import { dailyRecordKey } from './keys.ts';

/** Daily records as packaging writes them. */
export class DailyRecordWriter {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(documents: DynamoDBDocumentClient, table: string) {
    this.#documents = documents;
    this.#table = table;
  }

  /** Writes what a day's slices add up to; what counting keeps in the record stays. */
  async write(clientId: string, day: Day, folded: FoldedDay): Promise<void> {
    const { totals, events, firstEventAt, lastEventAt } = folded;
    const fields = Object.entries({ clientId, day, totals, events, firstEventAt, lastEventAt }).filter(
      ([, value]) => value !== undefined,
    );
    await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: dailyRecordKey(clientId, day),
        UpdateExpression: `SET ${fields.map(([name]) => `#${name} = :${name}`).join(', ')}`,
        ExpressionAttributeNames: Object.fromEntries(fields.map(([name]) => [`#${name}`, name])),
        ExpressionAttributeValues: Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
      }),
    );
  }
}
