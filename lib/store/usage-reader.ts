import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DayFold, type FoldedDay } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import { type PeriodId, periodOf } from '../periods/periods.ts';
import { type UsageSoFar, usageSoFarOf } from '../usage/usage-so-far.ts';
import { dailyRecordsOf, hasPages } from './daily-record-items.ts';
import { AFTER_EVERYTHING, clientPartition, SEPARATOR } from './keys.ts';
import { queryPages, type RawItem, textOf } from './query-pages.ts';
import { dayOfSlice, SLICE_PROJECTION, sliceUsageOf } from './slice-items.ts';

/** Where usage is read. */
export interface UsageReaderOptions {
  client: DynamoDBClient;
  usageSlices: string;
  dailyRecords: string;
}

/**
 * A client's usage in a period so far, today and the last minute included: one query on the daily records' index, and one on
 * the slices that are still there.
 * @throws InvalidPeriod
 */
export async function readUsageSoFar(
  options: UsageReaderOptions,
  clientId: string,
  periodId: PeriodId,
): Promise<UsageSoFar> {
  const [records, slices] = await Promise.all([
    readRecords(options, clientId, periodId),
    readSlices(options, clientId, periodId),
  ]);
  return usageSoFarOf(clientId, periodId, records, slices);
}

async function readRecords(
  { client, dailyRecords }: UsageReaderOptions,
  clientId: string,
  periodId: PeriodId,
): Promise<Map<Day, FoldedDay>> {
  const { from, to } = periodOf(periodId);
  const query = {
    TableName: dailyRecords,
    IndexName: 'byClientAndDay',
    KeyConditionExpression: 'clientId = :clientId AND #day BETWEEN :from AND :to',
    ExpressionAttributeNames: { '#day': 'day' },
    ExpressionAttributeValues: { ':clientId': { S: clientId }, ':from': { S: from }, ':to': { S: to } },
  };
  const found: RawItem[] = [];
  for await (const items of queryPages(client, query)) found.push(...items);
  // The index leaves out what one item could not hold.
  if (found.some(hasPages)) return readWholeRecords(client, dailyRecords, clientId, periodId);
  return new Map(dailyRecordsOf(found).map(({ day, ...folded }) => [day, folded]));
}

async function readWholeRecords(
  client: DynamoDBClient,
  table: string,
  clientId: string,
  periodId: PeriodId,
): Promise<Map<Day, FoldedDay>> {
  const items: RawItem[] = [];
  const query = { TableName: table, ConsistentRead: true, ...clientCondition(clientId, periodId) };
  for await (const page of queryPages(client, query)) items.push(...page);
  return new Map(dailyRecordsOf(items).map(({ day, ...folded }) => [day, folded]));
}

async function readSlices(
  { client, usageSlices }: UsageReaderOptions,
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
      const day = dayOfSlice(textOf(item, 'sk'));
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
      ':from': { S: clientId + SEPARATOR },
      ':to': { S: clientId + SEPARATOR + AFTER_EVERYTHING },
    },
  };
}
