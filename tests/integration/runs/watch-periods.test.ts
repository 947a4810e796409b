import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dailyRecordKey, usageSliceKey } from '../../../lib/store/keys.ts';
import { LateUsage } from '../../../lib/store/late-usage.ts';
import { hasUsage } from '../../../lib/store/period-usage.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await startTestTables();
});
afterAll(() => tables.stop());

const put = (TableName: string, Item: Record<string, unknown>) =>
  tables.documents.send(new PutCommand({ TableName, Item }));

test('a period has usage as soon as one client has one day', async () => {
  const { dailyRecords } = tables.names;
  expect(await hasUsage(tables.documents, dailyRecords, '2026-11-H1')).toBe(false);
  await put(dailyRecords, { ...dailyRecordKey('client-a', '2026-11-15'), clientId: 'client-a', day: '2026-11-15' });
  expect(await hasUsage(tables.documents, dailyRecords, '2026-11-H1')).toBe(true);
  expect(await hasUsage(tables.documents, dailyRecords, '2026-11-H2')).toBe(false);
});

test('late events are counted by period and from an instant on', async () => {
  const late = (countedAt: string) => ({
    identity: 'i',
    meter: 'api_calls',
    quantity: '1',
    countedAt,
    eventTime: countedAt,
  });
  const slice = (clientId: string, day: string, latePeriod: string, times: string[]) =>
    put(tables.names.usageSlices, { ...usageSliceKey(clientId, day, 7, '000'), latePeriod, late: times.map(late) });
  await slice('client-a', '2026-11-15', '2026-11-H1', ['2026-11-17T01:00:00.000Z', '2026-11-18T01:00:00.000Z']);
  await slice('client-b', '2026-11-15', '2026-11-H1', ['2026-11-19T01:00:00.000Z']);
  await slice('client-a', '2026-10-31', '2026-10-H2', ['2026-11-19T01:00:00.000Z']);
  const usage = new LateUsage(tables.documents, tables.names.usageSlices);
  expect(await usage.countSince('2026-11-H1', '2026-11-17T02:00:00Z')).toBe(2);
  expect(await usage.countSince('2026-09-H1', '2026-11-17T02:00:00Z')).toBe(0);
});
