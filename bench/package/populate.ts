import { hash } from 'node:crypto';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  type DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { daysOfPeriod, type Period } from '../../lib/periods/periods.ts';
import { dailyRecordKey, usageSliceKey } from '../../lib/store/keys.ts';
import { sliceMarkOf } from '../../lib/usage/slice-marks.ts';
import type { BenchTables } from './bench-tables.ts';

/** What a client-day is made of unless more is asked for: slices of seven events, two meters. */
const SLICES_PER_DAY = 2;
const EVENTS_PER_SLICE = 7;
const SLICE_MINUTES = 5;
const BATCH = 25;
const BATCHES_AT_ONCE = 16;

/**
 * Fills a period as counting would leave it, with this many client-days.
 * @param isFolded whether daily records are filled too, as by an earlier run
 * @param slicesPerDay at most 288
 * @returns the number of clients
 */
export async function populate(
  client: DynamoDBClient,
  tables: BenchTables,
  period: Period,
  clientDays: number,
  isFolded: boolean,
  slicesPerDay = SLICES_PER_DAY,
): Promise<number> {
  const requests = requestsOf(tables, period, clientDays, isFolded, slicesPerDay);
  const worker = async (): Promise<void> => {
    for (let batch = take(requests); batch.length > 0; batch = take(requests)) await write(client, batch);
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, worker));
  return Math.ceil(clientDays / daysOfPeriod(period).length);
}

interface TableRequest {
  table: string;
  item: Record<string, AttributeValue>;
}

function* requestsOf(
  tables: BenchTables,
  period: Period,
  clientDays: number,
  isFolded: boolean,
  slicesPerDay: number,
): Generator<TableRequest> {
  const days = daysOfPeriod(period);
  for (let number = 0; number < clientDays; number++) {
    const clientId = `client-${Math.floor(number / days.length)}`;
    const day = days[number % days.length] ?? '';
    const slices = Array.from({ length: slicesPerDay }, (_, index) => (number * 37 + index * 101) % 288);
    const record = dailyRecordKey(clientId, day);
    yield {
      table: tables.dailyRecords,
      item: {
        pk: { S: record.pk },
        sk: { S: record.sk },
        clientId: { S: clientId },
        day: { S: day },
        ...(isFolded ? foldedAttributes(day, slices, number) : {}),
        sliceMarks: { NS: [...new Set(slices.map((slice) => String(sliceMarkOf(slice, 1, SLICE_MINUTES))))] },
      },
    };
    for (const slice of slices) yield { table: tables.usageSlices, item: sliceItem(clientId, day, slice, number) };
  }
}

function foldedAttributes(day: string, slices: readonly number[], number: number): Record<string, AttributeValue> {
  return {
    totals: {
      M: {
        api_calls: { S: String(SLICES_PER_DAY * ((number % 1_000) + 1)) },
        storage_gb_hours: { S: String(SLICES_PER_DAY * ((number % 50) + 0.125)) },
      },
    },
    events: { N: String(SLICES_PER_DAY * EVENTS_PER_SLICE) },
    firstEventAt: { S: instantOf(day, Math.min(...slices)) },
    lastEventAt: { S: instantOf(day, Math.max(...slices)) },
  };
}

function instantOf(day: string, slice: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + slice * SLICE_MINUTES * 60_000).toISOString();
}

function sliceItem(clientId: string, day: string, slice: number, number: number): Record<string, AttributeValue> {
  const { pk, sk } = usageSliceKey(clientId, day, slice, 0);
  const at = instantOf(day, slice);
  return {
    pk: { S: pk },
    sk: { S: sk },
    totals: { M: { api_calls: { N: String((number % 1_000) + 1) }, storage_gb_hours: { N: `${number % 50}.125` } } },
    events: { N: String(EVENTS_PER_SLICE) },
    firstEventAt: { S: at },
    lastEventAt: { S: at },
    countedAt: { N: String(Date.parse(at)) },
    version: { N: '1' },
    expiresAt: { N: '4102444800' },
    identities: {
      BS: Array.from({ length: EVENTS_PER_SLICE }, (_, event) =>
        hash('sha256', `${sk}-${event}`, 'buffer').subarray(0, 16),
      ),
    },
  };
}

function take(requests: Generator<TableRequest>): TableRequest[] {
  const batch: TableRequest[] = [];
  while (batch.length < BATCH) {
    const { value, done } = requests.next();
    if (done) break;
    batch.push(value);
  }
  return batch;
}

async function write(client: DynamoDBClient, batch: readonly TableRequest[]): Promise<void> {
  let open: Record<string, WriteRequest[]> = {};
  for (const { table, item } of batch) {
    const requests = open[table] ?? [];
    open[table] = requests;
    requests.push({ PutRequest: { Item: item } });
  }
  while (Object.keys(open).length > 0) {
    const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems: open }));
    open = UnprocessedItems ?? {};
  }
}
