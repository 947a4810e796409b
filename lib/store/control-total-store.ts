import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import {
  type ControlSum,
  type ControlTotal,
  type ControlTotals,
  type MeterGroup,
  type PeriodControl,
  sumOfControlTotals,
} from '../usage/control-total.ts';
import { isControlled, readFoundation } from './foundation-store.ts';
import { AFTER_EVERYTHING, controlTotalPrefix, keyAttributes, periodKey } from './keys.ts';
import { numberOf, queryPages, type RawItem, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** Keeps one instance's control totals in the runs table, an item a period, each rewritten as a whole. */
export class ControlTotalStore implements ControlTotals {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  /** Names this instance. */
  readonly instance: string;
  #sequence = 0;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#client = client;
    this.#table = runs;
    this.instance = randomUUID();
  }

  async put(period: PeriodId, { events, unsureEvents, groups }: ControlTotal): Promise<void> {
    const { pk, sk } = periodKey(period, controlTotalPrefix() + this.instance);
    this.#sequence += 1;
    const sequence = this.#sequence;
    const values = {
      events: { N: String(events) },
      unsureEvents: { N: String(unsureEvents) },
      groups: { M: Object.fromEntries([...groups].map(([group, sum]) => [group, attributeOf(sum)])) },
      sequence: { N: String(sequence) },
    };
    const names = Object.keys(values);
    try {
      await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: keyAttributes({ pk, sk }),
          UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
          // A request that arrives late must not undo a later one.
          ConditionExpression: 'attribute_not_exists(#sequence) OR #sequence < :sequence',
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ExpressionAttributeValues: Object.fromEntries(
            Object.entries(values).map(([name, value]) => [`:${name}`, value]),
          ),
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // An earlier attempt of this request took effect, or a later one has: only the item itself is believed.
      if (numberOf(error.Item ?? {}, 'sequence', 0) < sequence) throw error;
    }
  }
}

/** Whether ingestion has kept a control total of a period: then something was counted in it. One read. */
export async function hasControlTotal({ client, runs }: TablesWith<'runs'>, period: PeriodId): Promise<boolean> {
  const { pk, sk } = periodKey(period, controlTotalPrefix());
  const { Count = 0 } = await client.send(
    new QueryCommand({
      TableName: runs,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: sk }, ':to': { S: sk + AFTER_EVERYTHING } },
      Select: 'COUNT',
      Limit: 1,
    }),
  );
  return Count > 0;
}

/** The control total of a period as it is now: what all instances together say, dead ones included. */
export async function readControlTotal(tables: TablesWith<'runs'>, period: PeriodId): Promise<PeriodControl> {
  const totals = await readControlTotals(tables, period);
  const laid = await readFoundation(tables);
  return { ...sumOfControlTotals(totals.values()), isWhole: laid !== undefined && isControlled(laid, period) };
}

/** The same by instance. */
export async function readControlTotals(
  { client, runs }: TablesWith<'runs'>,
  period: PeriodId,
): Promise<Map<string, ControlTotal>> {
  const { pk, sk } = periodKey(period, controlTotalPrefix());
  const query = {
    TableName: runs,
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: sk }, ':to': { S: sk + AFTER_EVERYTHING } },
  };
  const totals = new Map<string, ControlTotal>();
  for await (const items of queryPages(client, query)) {
    for (const item of items) totals.set(textOf(item, 'sk').slice(sk.length), totalOf(item));
  }
  return totals;
}

function attributeOf({ counted, unsure }: ControlSum): AttributeValue {
  return { M: { counted: { S: counted }, ...(unsure === '0' ? {} : { unsure: { S: unsure } }) } };
}

function totalOf(item: RawItem): ControlTotal {
  const groups = Object.entries(item.groups?.M ?? {}).map(([group, { M }]): [MeterGroup, ControlSum] => [
    group,
    { counted: M?.counted?.S ?? '0', unsure: M?.unsure?.S ?? '0' },
  ]);
  return {
    events: numberOf(item, 'events', 0),
    unsureEvents: numberOf(item, 'unsureEvents', 0),
    groups: new Map(groups),
  };
}
