import { type DynamoDBClient, TransactionCanceledException, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { MeterDefinition, RegisteredMeter } from '../meters/meter.ts';
import { keyAttributes, METERS_STATE_KEY, meterKey } from './keys.ts';
import { attributesOfMeter } from './meter-reader.ts';
import type { TablesWith } from './tables.ts';

/** Somebody else registered the same meter a moment before. */
export class MeterContended extends HalfmonthError {
  readonly code = 'METER_CONTENDED';
  readonly meter: string;

  constructor(meter: string) {
    super(
      `Somebody else has just registered ${meter}, and nothing was changed here. Look at what it is now ` +
        `(meters show ${meter}), and register it again if that is still what you want.`,
    );
    this.meter = meter;
  }
}

/** Adds to what is known of meters. Entries are never changed. */
export class MeterStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#client = client;
    this.#table = runs;
  }

  /**
   * Adds an entry, and tells every process that there is one.
   * @param known the meter's last entry, on which this one rests
   * @param now milliseconds since the epoch
   * @throws MeterContended
   */
  async register(
    name: string,
    definition: MeterDefinition,
    known: RegisteredMeter | undefined,
    now: number,
  ): Promise<RegisteredMeter> {
    const registeredAt = new Date(now).toISOString();
    const meter: RegisteredMeter = { ...definition, name, version: (known?.version ?? 0) + 1, registeredAt };
    const added = {
      TableName: this.#table,
      Item: { ...keyAttributes(meterKey(name, meter.version)), ...attributesOfMeter(meter) },
      ConditionExpression: 'attribute_not_exists(pk)',
    };
    const counted = {
      TableName: this.#table,
      Key: keyAttributes(METERS_STATE_KEY),
      UpdateExpression: 'ADD revision :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    };
    try {
      await this.#client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: added }, { Update: counted }] }));
    } catch (error) {
      if (error instanceof TransactionCanceledException) throw new MeterContended(name);
      throw error;
    }
    return meter;
  }
}
