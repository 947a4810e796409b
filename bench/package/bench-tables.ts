import { readFileSync } from 'node:fs';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { parse } from 'yaml';

/** The tables' names, as workers are told them. */
export interface BenchTables {
  endpoint: string;
  usageSlices: string;
  dailyRecords: string;
  packages: string;
  runs: string;
}

/** A client for the embedded engine, which checks no credentials. */
export function benchClient(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
}

/** Makes the tables as `resources/tables.yml` declares them. */
export async function createBenchTables(endpoint: string): Promise<BenchTables> {
  const client = benchClient(endpoint);
  const template = parse(readFileSync(new URL('../../resources/tables.yml', import.meta.url), 'utf8'), {
    logLevel: 'silent',
  }) as { Resources: Record<string, { Properties: CreateTableCommandInput }> };
  const create = async (logicalId: string): Promise<string> => {
    const properties = template.Resources[logicalId]?.Properties;
    if (!properties) throw new Error(`resources/tables.yml declares no ${logicalId}`);
    const { BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = properties;
    await client.send(
      new CreateTableCommand({
        TableName: logicalId,
        BillingMode,
        AttributeDefinitions,
        KeySchema,
        GlobalSecondaryIndexes,
      }),
    );
    return logicalId;
  };
  const tables = {
    endpoint,
    usageSlices: await create('UsageSlicesTable'),
    dailyRecords: await create('DailyRecordsTable'),
    packages: await create('PackagesTable'),
    runs: await create('RunsTable'),
  };
  client.destroy();
  return tables;
}
