import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import { periodKey } from './keys.ts';

/** What counting saw and did not count. */
export interface Observations {
  /** Deliveries of events that were counted already. */
  duplicates: number;
  /** Elements of messages that can never count. */
  rejected: number;
}

/**
 * Keeps how many duplicates and rejected events counting saw, by period. At least: a batch that is cut off before it writes
 * them down, or whose note fails, is not in it. Nothing that is billed depends on it.
 */
export class ObservationStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  /** @param table the runs table */
  constructor(documents: DynamoDBDocumentClient, table: string) {
    this.#documents = documents;
    this.#table = table;
  }

  /** Adds what one batch came to. */
  async add(periodId: PeriodId, { duplicates, rejected }: Observations): Promise<void> {
    await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: periodKey(periodId, 'observed'),
        UpdateExpression: 'ADD duplicates :duplicates, rejected :rejected',
        ExpressionAttributeValues: { ':duplicates': duplicates, ':rejected': rejected },
      }),
    );
  }

  /** What was seen in a period so far. */
  async load(periodId: PeriodId): Promise<Observations> {
    const { Item = {} } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: periodKey(periodId, 'observed'), ConsistentRead: true }),
    );
    const { duplicates = 0, rejected = 0 } = Item as Partial<Observations>;
    return { duplicates, rejected };
  }
}
