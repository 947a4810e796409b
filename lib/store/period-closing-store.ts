import { type DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import type { Observations } from '../usage/observations.ts';
import type { PeriodClosings } from '../usage/usage-slices.ts';
import { keyAttributes, periodKey } from './keys.ts';
import { numberOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

const OPEN_IS_BELIEVED_MILLISECONDS = 30_000;

/** Reads from the runs table whether a period has been closed. A closed period stays closed, so that is asked once. */
export class PeriodClosingStore implements PeriodClosings {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #closed = new Map<PeriodId, number>();
  readonly #openUntil = new Map<PeriodId, number>();
  readonly #underWay = new Map<PeriodId, Promise<number | undefined>>();

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#client = client;
    this.#table = runs;
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
    const { Item } = await this.#client.send(
      new GetItemCommand({
        TableName: this.#table,
        Key: keyAttributes(periodKey(period, 'state')),
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

/**
 * Keeps how many duplicates and rejected events counting saw, by period. At least: what a batch saw that was cut off
 * before it wrote this down is not in it. Nothing that is billed depends on it.
 */
export class ObservationStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  /** @param table the runs table */
  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#client = client;
    this.#table = runs;
  }

  /** Adds what one batch came to. */
  async add(periodId: PeriodId, { duplicates, rejected }: Observations): Promise<void> {
    await this.#client.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: keyOf(periodId),
        UpdateExpression: 'ADD duplicates :duplicates, rejected :rejected',
        ExpressionAttributeValues: { ':duplicates': { N: String(duplicates) }, ':rejected': { N: String(rejected) } },
      }),
    );
  }

  /** What was seen in a period so far. */
  async load(periodId: PeriodId): Promise<Observations> {
    const { Item = {} } = await this.#client.send(
      new GetItemCommand({ TableName: this.#table, Key: keyOf(periodId), ConsistentRead: true }),
    );
    return { duplicates: numberOf(Item, 'duplicates', 0), rejected: numberOf(Item, 'rejected', 0) };
  }
}

function keyOf(periodId: PeriodId) {
  return keyAttributes(periodKey(periodId, 'observed'));
}
