import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import type { PeriodClosings } from '../usage/usage-slices.ts';
import { periodKey } from './keys.ts';

const OPEN_IS_BELIEVED_MILLISECONDS = 30_000;

/** Reads from the runs table whether a period has been closed. A closed period stays closed, so that is asked once. */
export class PeriodClosingStore implements PeriodClosings {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #closed = new Map<PeriodId, number>();
  readonly #openUntil = new Map<PeriodId, number>();
  readonly #underWay = new Map<PeriodId, Promise<number | undefined>>();

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async closedAt(period: PeriodId): Promise<number | undefined> {
    const closed = this.#closed.get(period);
    if (closed !== undefined || Date.now() < (this.#openUntil.get(period) ?? 0)) return closed;
    return this.#shared(period);
  }

  async closedAtNow(period: PeriodId): Promise<number | undefined> {
    return this.#closed.get(period) ?? this.#read(period);
  }

  /** Many groups ask at once when a batch begins; one request answers them all. */
  #shared(period: PeriodId): Promise<number | undefined> {
    let reading = this.#underWay.get(period);
    if (!reading) {
      reading = this.#read(period).finally(() => this.#underWay.delete(period));
      this.#underWay.set(period, reading);
    }
    return reading;
  }

  async #read(period: PeriodId): Promise<number | undefined> {
    const { pk, sk } = periodKey(period, 'state');
    const { Item } = await this.#client.send(
      new GetItemCommand({
        TableName: this.#table,
        Key: { pk: { S: pk }, sk: { S: sk } },
        ConsistentRead: true,
        ProjectionExpression: 'closedAt',
      }),
    );
    const closedAt = Item?.closedAt?.S;
    if (closedAt === undefined) {
      this.#openUntil.set(period, Date.now() + OPEN_IS_BELIEVED_MILLISECONDS);
      return undefined;
    }
    this.#closed.set(period, Date.parse(closedAt));
    return Date.parse(closedAt);
  }
}
