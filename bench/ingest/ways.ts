import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import {
  type DynamoDBClient,
  ScanCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Context } from 'aws-lambda';
import pLimit from 'p-limit';
import { acceptanceWindowAt, type ConsumptionEvent } from '../../lib/events/consumption-event.ts';
import { hexOfIdentity } from '../../lib/events/identity.ts';
import { readMessage } from '../../lib/events/message.ts';
import { MeterRegistry } from '../../lib/meters/meter-registry.ts';
import { rulesOf } from '../../lib/meters/meter-rules.ts';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { ControlTotalStore } from '../../lib/store/control-total-store.ts';
import { DailyRecordStore } from '../../lib/store/daily-record-marks.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import { PeriodClosingStore } from '../../lib/store/period-closing-store.ts';
import { UsageSliceStore } from '../../lib/store/usage-slice-store.ts';
import { aggregateBatch } from '../../lib/usage/aggregate-batch.ts';
import { UsageCounter } from '../../lib/usage/usage-counter.ts';
import type { TableNames } from './tables.ts';
import type { Batch } from './workload.ts';

/** One way to count, as one function instance runs it. */
export interface Instance {
  /** Counts a batch and answers the bodies that have to come again. */
  count(batch: Batch): Promise<string[]>;
}

/** What an instance is made with. */
export interface InstanceOptions {
  client: DynamoDBClient;
  tables: TableNames;
  concurrency: number;
  sliceMinutes: number;
  hasWideSlices: boolean;
}

const MAX_AGE_DAYS = 45;
const NEVER = '9999-12-31';

/** Halfmonth's own. */
export function ourInstance({ client, tables, concurrency, sliceMinutes, hasWideSlices }: InstanceOptions): Instance {
  const calendar = new BillingCalendar('UTC', sliceMinutes);
  let now = 0;
  const registry = new MeterRegistry(new MeterReader({ client, ...tables }), () => now);
  const counter = new UsageCounter({
    slices: new UsageSliceStore({ client, ...tables }, { calendar, eventMaxAgeDays: MAX_AGE_DAYS }),
    marks: new DailyRecordStore({ client, ...tables }),
    closings: new PeriodClosingStore({ client, ...tables }),
    control: new ControlTotalStore({ client, ...tables }),
    calendar,
    concurrency,
    now: () => now,
    ...(hasWideSlices ? {} : { wideSlicesFrom: NEVER }),
  });
  const rejectedEvents = {
    send: async (events: readonly unknown[]) => {
      if (events.length > 0) throw new Error('the workload has valid events only');
      return { events: new Set<never>(), failures: [] };
    },
  };
  return {
    async count({ at, bodies }) {
      now = at;
      const messages = bodies.map((body, index) => ({ messageId: String(index), body, sentAt: at }));
      const rules = rulesOf(await registry.current(), (instant) => calendar.dayOf(instant));
      const { failedMessageIds } = await aggregateBatch(
        { counter, rejectedEvents, rules, eventMaxAgeDays: MAX_AGE_DAYS, now: () => now },
        messages,
      );
      return failedMessageIds.flatMap((index) => bodies[Number(index)] ?? []);
    },
  };
}

/** A transaction per event: an item for its identity, and the addition. */
export function transactionInstance({ client, tables, concurrency }: InstanceOptions): Instance {
  return perEvent(concurrency, async (event) => {
    try {
      await client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            {
              Put: {
                TableName: tables.identities,
                Item: { id: { S: hexOfIdentity(event.identity) }, expiresAt: { N: '1800000000' } },
                ConditionExpression: 'attribute_not_exists(id)',
              },
            },
            { Update: additionOf(tables.transactionTotals, event) },
          ],
        }),
      );
    } catch (error) {
      const isCounted =
        error instanceof TransactionCanceledException &&
        error.CancellationReasons?.some(({ Code }) => Code === 'ConditionalCheckFailed');
      if (!isCounted) throw error;
    }
  });
}

/** Powertools idempotency around the addition. */
export function powertoolsInstance({ client, tables, concurrency }: InstanceOptions): Instance {
  const persistenceStore = new DynamoDBPersistenceLayer({ tableName: tables.idempotency, awsSdkV3Client: client });
  const config = new IdempotencyConfig({ expiresAfterSeconds: MAX_AGE_DAYS * 86_400 });
  // All that Powertools asks of the context.
  config.registerLambdaContext({ getRemainingTimeInMillis: () => 60_000 } as Context);
  const addOnce = makeIdempotent(
    async (_identity: string, event: ConsumptionEvent) => {
      await client.send(new UpdateItemCommand(additionOf(tables.powertoolsTotals, event)));
      return 'counted';
    },
    { persistenceStore, config, dataIndexArgument: 0 },
  );
  return perEvent(concurrency, async (event) => {
    await addOnce(hexOfIdentity(event.identity), event);
  });
}

/** Parsed and checked as in our way, so that only the counting differs. */
function perEvent(concurrency: number, countOne: (event: ConsumptionEvent) => Promise<void>): Instance {
  const limit = pLimit(concurrency);
  return {
    async count({ at, bodies }) {
      const window = acceptanceWindowAt(at, MAX_AGE_DAYS);
      const failed = await limit.map(bodies, async (body) => {
        try {
          for (const event of readMessage(body, window).events) await countOne(event);
          return undefined;
        } catch {
          return body;
        }
      });
      return failed.filter((body) => body !== undefined);
    },
  };
}

function additionOf(table: string, { clientId, instant, meter, quantity }: ConsumptionEvent) {
  return {
    TableName: table,
    Key: { id: { S: `${clientId}#${new Date(instant).toISOString().slice(0, 10)}` } },
    UpdateExpression: 'ADD #meter :quantity, events :one',
    ExpressionAttributeNames: { '#meter': meter },
    ExpressionAttributeValues: { ':quantity': { N: quantity }, ':one': { N: '1' } },
  };
}

/** How many events each client has been counted for, from whatever items a way keeps. */
export async function countedByClient(
  client: DynamoDBClient,
  table: string,
  key: 'id' | 'sk',
): Promise<Map<string, number>> {
  const counted = new Map<string, number>();
  let start: Record<string, import('@aws-sdk/client-dynamodb').AttributeValue> | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await client.send(
      new ScanCommand({ TableName: table, ExclusiveStartKey: start, ProjectionExpression: `${key}, events` }),
    );
    for (const item of Items) {
      const clientId = item[key]?.S?.split('#')[0] ?? '';
      counted.set(clientId, (counted.get(clientId) ?? 0) + Number(item.events?.N));
    }
    start = LastEvaluatedKey;
  } while (start);
  return counted;
}
