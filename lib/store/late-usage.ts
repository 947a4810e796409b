import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import type { LateEvent } from '../usage/records.ts';

/** Reads the usage that was counted after its period had been closed. */
export class LateUsage {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  /** @param table the usage slices, whose index `lateUsage` holds only slices with late events */
  constructor(documents: DynamoDBDocumentClient, table: string) {
    this.#documents = documents;
    this.#table = table;
  }

  /** How many late events of a period were counted after an instant (RFC 3339, UTC), as the index last saw them. */
  async countSince(periodId: PeriodId, instant: string): Promise<number> {
    let count = 0;
    let start: Record<string, unknown> | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#documents.send(
        new QueryCommand({
          TableName: this.#table,
          IndexName: 'lateUsage',
          KeyConditionExpression: 'latePeriod = :period',
          ExpressionAttributeValues: { ':period': periodId },
          ExclusiveStartKey: start,
        }),
      );
      // The index projects what counting wrote as the slice's late events.
      for (const { late = [] } of Items as { late?: LateEvent[] }[]) {
        count += late.filter(({ countedAt }) => Date.parse(countedAt) > Date.parse(instant)).length;
      }
      start = LastEvaluatedKey;
    } while (start);
    return count;
  }
}
