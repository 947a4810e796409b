import { readFileSync } from 'node:fs';
import { CreateTableCommand, type CreateTableCommandInput, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { parse } from 'yaml';

/** The tables of the three ways. */
export const TABLE_NAMES = {
  usageSlices: 'bench-usage-slices',
  dailyRecords: 'bench-daily-records',
  runs: 'bench-runs',
  identities: 'bench-identities',
  transactionTotals: 'bench-transaction-totals',
  idempotency: 'bench-idempotency',
  powertoolsTotals: 'bench-powertools-totals',
};
export type TableNames = typeof TABLE_NAMES;

interface TablesTemplate {
  Resources: Record<string, { Properties: CreateTableCommandInput }>;
}

/** Makes our tables as `resources/tables.yml` declares them, and plain ones with the key `id` for the others. */
export async function makeTables(client: DynamoDBClient): Promise<void> {
  const file = new URL('../../resources/tables.yml', import.meta.url);
  const text = readFileSync(file, 'utf8').replaceAll('${self:custom.names}', 'bench');
  const { Resources } = parse(text, { logLevel: 'silent' }) as TablesTemplate; // our own file
  for (const { Properties } of Object.values(Resources)) {
    const { TableName, BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = Properties;
    await client.send(
      new CreateTableCommand({ TableName, BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes }),
    );
  }
  const { identities, transactionTotals, idempotency, powertoolsTotals } = TABLE_NAMES;
  for (const TableName of [identities, transactionTotals, idempotency, powertoolsTotals]) {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
  }
}
