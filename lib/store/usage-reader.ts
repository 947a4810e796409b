import type { DynamoDBClient, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { DayFold, type FoldedDay } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import { type PeriodId, periodOf } from '../periods/periods.ts';
import { type UsageSoFar, usageSoFarOf } from '../usage/usage-so-far.ts';
import { dailyRecordsOf, hasPages } from './daily-records.ts';
import { documentClientOf } from './document-client.ts';
import { AFTER_EVERYTHING, BUCKETS, clientPartition, clientPrefix, dayOfKey, periodPartition } from './keys.ts';
import { queryPages, type RawItem, textOf } from './pages.ts';
import { SLICE_PROJECTION, sliceUsageOf } from './slice-items.ts';
import type { TablesWith } from './tables.ts';

/**
 * A client's usage in a period so far, today and the last minute included: one query on the daily records' index, and
 * one on the slices that are still there; after the period's end, or with thousands of meters, one on the daily records
 * themselves too.
 * @throws InvalidPeriod
 */
export async function readUsageSoFar(
  tables: TablesWith<'usageSlices' | 'dailyRecords'>,
  clientId: string,
  periodId: PeriodId,
): Promise<UsageSoFar> {
  const [indexed, slices] = await Promise.all([
    readRecords(tables, clientId, periodId),
    readSlices(tables, clientId, periodId),
  ]);
  // The index leaves out what one item could not hold, and which part of a record stands in slices that last.
  const isEnough = !indexed.some(hasPages) && ![...slices.values()].some(({ lasting }) => lasting);
  const items = isEnough ? indexed : await readWholeRecords(tables, clientId, periodId);
  const records = new Map(dailyRecordsOf(items).map(({ day, ...folded }) => [day, folded]));
  return usageSoFarOf(clientId, periodId, records, slices);
}

async function readRecords(
  { client, dailyRecords }: TablesWith<'usageSlices' | 'dailyRecords'>,
  clientId: string,
  periodId: PeriodId,
): Promise<RawItem[]> {
  const { from, to } = periodOf(periodId);
  const query = {
    TableName: dailyRecords,
    IndexName: 'byClientAndDay',
    KeyConditionExpression: 'clientId = :clientId AND #day BETWEEN :from AND :to',
    ExpressionAttributeNames: { '#day': 'day' },
    ExpressionAttributeValues: { ':clientId': { S: clientId }, ':from': { S: from }, ':to': { S: to } },
  };
  return itemsOf(client, query);
}

function readWholeRecords(
  { client, dailyRecords }: TablesWith<'usageSlices' | 'dailyRecords'>,
  clientId: string,
  periodId: PeriodId,
): Promise<RawItem[]> {
  return itemsOf(client, { TableName: dailyRecords, ConsistentRead: true, ...clientCondition(clientId, periodId) });
}

async function itemsOf(client: DynamoDBClient, query: QueryCommandInput): Promise<RawItem[]> {
  const items: RawItem[] = [];
  for await (const page of queryPages(client, query)) items.push(...page);
  return items;
}

async function readSlices(
  { client, usageSlices }: TablesWith<'usageSlices' | 'dailyRecords'>,
  clientId: string,
  periodId: PeriodId,
): Promise<Map<Day, FoldedDay>> {
  const folds = new Map<Day, DayFold>();
  const query = {
    TableName: usageSlices,
    ConsistentRead: true,
    ...clientCondition(clientId, periodId),
    ...SLICE_PROJECTION,
  };
  for await (const items of queryPages(client, query)) {
    for (const item of items) {
      const day = dayOfKey(textOf(item, 'sk'));
      const fold = folds.get(day) ?? new DayFold();
      folds.set(day, fold);
      fold.add(sliceUsageOf(item));
    }
  }
  return new Map([...folds].map(([day, fold]) => [day, fold.result()]));
}

/** A client's items of a period, in the tables that are sorted by client. */
function clientCondition(clientId: string, periodId: PeriodId) {
  return {
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':pk': { S: clientPartition(periodId, clientId) },
      ':from': { S: clientPrefix(clientId) },
      ':to': { S: clientPrefix(clientId) + AFTER_EVERYTHING },
    },
  };
}

/** Whether anything was counted in a period: one read a bucket, however much there is. */
export async function hasUsage(
  { client, dailyRecords }: TablesWith<'dailyRecords'>,
  periodId: PeriodId,
): Promise<boolean> {
  const answers = await Promise.all(
    Array.from({ length: BUCKETS }, (_, bucket) =>
      documentClientOf(client).send(
        new QueryCommand({
          TableName: dailyRecords,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': periodPartition(periodId, bucket) },
          Select: 'COUNT',
          Limit: 1,
        }),
      ),
    ),
  );
  return answers.some(({ Count = 0 }) => Count > 0);
}
