import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ConsumptionEvent } from '../../lib/events/consumption-event.ts';
import { hexOfIdentity } from '../../lib/events/identity.ts';
import {
  CapacityMeter,
  createDynamoDbClient,
  type DynamoDBClient,
  meterCapacity,
} from '../../lib/store/dynamodb-client.ts';
import { dailyRecordKey, periodKey } from '../../lib/store/keys.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import { namedEvent } from '../fixtures/consumption-events.ts';
import { createCounter, readStoredUsage, scan } from '../fixtures/counting.ts';
import { LOCAL_CREDENTIALS, startTestTables, type TestTables } from '../fixtures/tables.ts';

/** In the middle of a running period. */
const NOW = Date.parse('2026-03-10T10:03:00Z');
const CLOSED_AT = Date.parse('2026-03-17T02:00:00Z');
const MINUTE = 60_000;

let tables: TestTables;
let client: DynamoDBClient;
const capacity = new CapacityMeter();

beforeAll(async () => {
  tables = await startTestTables();
  client = createDynamoDbClient({ endpoint: tables.endpoint, region: 'eu-central-1', credentials: LOCAL_CREDENTIALS });
  meterCapacity(client, capacity);
});

beforeEach(() => {
  capacity.take();
});

afterAll(async () => {
  client.destroy();
  await tables.stop();
});

let made = 0;
function eventOf(fields: Partial<ConsumptionEvent> & { clientId: string }): ConsumptionEvent {
  made += 1;
  return { ...namedEvent('test', String(made)), instant: NOW, meter: 'api_calls', quantity: '1', ...fields };
}

const eventsOf = (count: number, fields: Partial<ConsumptionEvent> & { clientId: string }) =>
  Array.from({ length: count }, () => eventOf(fields));

const delivered = (events: readonly ConsumptionEvent[]) => events.map((event, message) => ({ event, message }));

async function usageOf(clientId: string) {
  const usage = await readStoredUsage(tables.client, tables.usageSlices);
  return usage.totals[clientId];
}

describe('a client that floods one slice', () => {
  test('is counted on many pages, with nothing configured, at a fraction of a unit an event', async () => {
    const counter = createCounter({ ...tables, client }, { now: () => NOW });
    const events = eventsOf(20_000, { clientId: 'flood' });

    for (let start = 0; start < events.length; start += 5_000) {
      await counter.count(delivered(events.slice(start, start + 5_000)));
    }
    const repeated = await counter.count(delivered(events.slice(7_000, 12_000)));

    expect(await usageOf('flood')).toEqual({ api_calls: '20000' });
    expect(repeated).toMatchObject({ counted: 0, duplicates: 5_000, failures: [] });
    expect(capacity.take().writeUnits / events.length).toBeLessThan(0.02);
  });

  test('is known to an instance that begins now', async () => {
    const events = eventsOf(3_000, { clientId: 'known' });
    await createCounter({ ...tables, client }, { now: () => NOW }).count(delivered(events.slice(0, 1_500)));
    await createCounter({ ...tables, client }, { now: () => NOW }).count(delivered(events.slice(1_000, 3_000)));

    const outcome = await createCounter({ ...tables, client }, { now: () => NOW }).count(delivered(events));

    expect(outcome).toMatchObject({ counted: 0, duplicates: 3_000 });
    expect(await usageOf('known')).toEqual({ api_calls: '3000' });
  });

  test('is counted exactly by ten instances at once', async () => {
    const events = eventsOf(3_000, { clientId: 'crowd' });
    const instances = Array.from({ length: 10 }, () => createCounter({ ...tables, client }, { now: () => NOW }));

    const outcomes = await Promise.all(
      // Each gets its own three hundred, and three hundred of its neighbour.
      instances.map((counter, index) => {
        const own = events.slice(index * 300, index * 300 + 600);
        return counter.count(delivered(own));
      }),
    );

    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
    expect(outcomes.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBeGreaterThan(0);
    expect(await usageOf('crowd')).toEqual({ api_calls: '3000' });
  });
});

test('an instance that remembers a slice writes it without reading it', async () => {
  const counter = createCounter({ ...tables, client }, { now: () => NOW });
  await counter.count(delivered(eventsOf(7, { clientId: 'steady' })));
  capacity.take();

  await counter.count(delivered(eventsOf(7, { clientId: 'steady' })));

  // The page, and the control total before and after.
  expect(capacity.take()).toEqual({ writeUnits: 3, readUnits: 0 });
});

test('one event that comes under two days is two events: this is what identities do not cover', async () => {
  const event = eventOf({ clientId: 'two-times' });
  const counter = createCounter({ ...tables, client }, { now: () => NOW });

  await counter.count(delivered([event, { ...event, instant: NOW - 24 * 60 * MINUTE }]));

  expect(await usageOf('two-times')).toEqual({ api_calls: '2' });
});

test('slices expire after the last event that may reach them, daily records never', async () => {
  await createCounter({ ...tables, client }, { now: () => NOW }).count(delivered([eventOf({ clientId: 'expiring' })]));

  const [slice] = (await scan(client, tables.usageSlices)).filter(({ sk }) => sk?.S?.startsWith('expiring#'));
  const endOfDay = Date.parse('2026-03-11T00:00:00Z') / 1000;
  expect(Number(slice?.expiresAt?.N)).toBe(endOfDay + (45 + 15) * 86_400);
  for (const record of await scan(client, tables.dailyRecords)) expect(record).not.toHaveProperty('expiresAt');
});

describe('an event of a closed period', () => {
  async function closePeriod(): Promise<void> {
    const { pk, sk } = periodKey('2026-03-H1', 'state');
    await client.send(
      new UpdateItemCommand({
        TableName: tables.runs,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: 'SET closedAt = :at',
        ExpressionAttributeValues: { ':at': { S: new Date(CLOSED_AT).toISOString() } },
      }),
    );
  }

  test('counts, and is recorded with period, meter and quantity; one that was counted in time is not', async () => {
    const inTime = eventOf({ clientId: 'late' });
    await createCounter({ ...tables, client }, { now: () => NOW }).count(delivered([inTime]));
    await closePeriod();
    const late = eventOf({ clientId: 'late', meter: 'storage', quantity: '2.5' });
    const counter = createCounter({ ...tables, client }, { now: () => CLOSED_AT + MINUTE });

    const first = await counter.count(delivered([late, inTime]));
    const second = await counter.count(delivered([inTime, late]));

    expect(first).toMatchObject({ counted: 1, duplicates: 1, late: 1 });
    expect(second).toMatchObject({ counted: 0, duplicates: 2, late: 0 });
    const pages = (await scan(client, tables.usageSlices)).filter(({ sk }) => sk?.S?.startsWith('late#'));
    const [before, slice] = pages.sort((one, other) => ((one.sk?.S ?? '') < (other.sk?.S ?? '') ? -1 : 1));
    expect(pages).toHaveLength(2);
    expect(before).toMatchObject({ totals: { M: { api_calls: { N: '1' } } }, sealed: { BOOL: true } });
    expect(before).toHaveProperty('expiresAt');
    expect(before).not.toHaveProperty('late');
    expect(slice?.totals?.M).toEqual({ storage: { N: '2.5' } });
    expect(slice).not.toHaveProperty('expiresAt');
    expect(slice?.latePeriod?.S).toBe('2026-03-H1');
    expect(slice?.late?.L).toEqual([
      {
        M: {
          identity: { S: hexOfIdentity(late.identity) },
          meter: { S: 'storage' },
          quantity: { S: '2.5' },
          countedAt: { S: new Date(CLOSED_AT + MINUTE).toISOString() },
          eventTime: { S: new Date(NOW).toISOString() },
        },
      },
    ]);
  });

  test('in floods, is recorded on pages that an item can hold', async () => {
    await closePeriod();
    const events = eventsOf(4_000, { clientId: 'late-flood' });

    const outcome = await createCounter({ ...tables, client }, { now: () => CLOSED_AT + MINUTE }).count(
      delivered(events),
    );

    expect(outcome).toMatchObject({ counted: 4_000, late: 4_000, failures: [] });
    const { late } = await readStoredUsage(tables.client, tables.usageSlices);
    expect(new Set(late).size).toBeGreaterThanOrEqual(4_000);
  });
});

describe("a client's usage so far", () => {
  test('has the last minute in it, and takes days without slices from their records', async () => {
    const clientId = 'so-far';
    const counter = createCounter({ ...tables, client }, { now: () => NOW });
    await counter.count(
      delivered([
        eventOf({ clientId, quantity: '0.1' }),
        eventOf({ clientId, quantity: '0.2', instant: NOW - 24 * 60 * MINUTE }),
        eventOf({ clientId, meter: 'storage', instant: NOW - 20 * 24 * 60 * MINUTE }),
        eventOf({ clientId: `${clientId}-other` }),
      ]),
    );
    await putDailyRecord(clientId, '2026-03-02', '40');
    await putDailyRecord(clientId, '2026-03-10', '7', 1);

    const usage = await readUsageSoFar({ ...tables, client }, clientId, '2026-03-H1');

    expect(usage).toMatchObject({ clientId, totals: { api_calls: '40.3' }, events: 42 });
    expect(usage.days.map(({ day, totals }) => [day, totals.api_calls])).toEqual([
      ['2026-03-02', '40'],
      ['2026-03-09', '0.2'],
      ['2026-03-10', '0.1'],
    ]);
  });

  test('of a client without any is empty', async () => {
    const usage = await readUsageSoFar({ ...tables, client }, 'nobody', '2026-03-H1');
    expect(usage).toEqual({ clientId: 'nobody', period: '2026-03-H1', totals: {}, events: 0, days: [] });
  });

  async function putDailyRecord(
    clientId: string,
    day: string,
    quantity: string,
    events = Number(quantity),
  ): Promise<void> {
    const { pk, sk } = dailyRecordKey(clientId, day);
    await client.send(
      new UpdateItemCommand({
        TableName: tables.dailyRecords,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: 'SET clientId = :clientId, #day = :day, totals = :totals, events = :events',
        ExpressionAttributeNames: { '#day': 'day' },
        ExpressionAttributeValues: {
          ':clientId': { S: clientId },
          ':day': { S: day },
          ':totals': { M: { api_calls: { S: quantity } } },
          ':events': { N: String(events) },
        },
      }),
    );
  }
});
