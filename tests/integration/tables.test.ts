import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await startTestTables();
});
afterAll(() => tables.stop());

test('the declared tables exist on the embedded engine', async () => {
  const { TableNames } = await tables.client.send(new ListTablesCommand({}));
  expect(TableNames).toEqual([tables.usageSlices, tables.dailyRecords, tables.packages, tables.runs].sort());
});
