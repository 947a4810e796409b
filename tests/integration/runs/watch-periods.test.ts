import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dailyRecordKey } from '../../../lib/store/keys.ts';
import { hasUsage } from '../../../lib/store/usage-reader.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await startTestTables();
});
afterAll(() => tables.stop());

const put = (TableName: string, Item: Record<string, unknown>) =>
  tables.documents.send(new PutCommand({ TableName, Item }));

test('a period has usage as soon as one client has one day', async () => {
  const { dailyRecords } = tables;
  expect(await hasUsage(tables, '2026-11-H1')).toBe(false);
  await put(dailyRecords, { ...dailyRecordKey('client-a', '2026-11-15'), clientId: 'client-a', day: '2026-11-15' });
  expect(await hasUsage(tables, '2026-11-H1')).toBe(true);
  expect(await hasUsage(tables, '2026-11-H2')).toBe(false);
});
