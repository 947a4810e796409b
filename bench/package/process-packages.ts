import { type DynamoDBClient, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { Period } from '../../lib/periods/periods.ts';
import { BUCKETS, headPrefix, periodPartition } from '../../lib/store/keys.ts';
import type { BenchTables } from './bench-tables.ts';

/** Moves every package to `processed`, as if the invoice API had done its work. */
export async function processAllPackages(client: DynamoDBClient, tables: BenchTables, period: Period): Promise<void> {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    let start: Awaited<ReturnType<typeof page>>['LastEvaluatedKey'];
    do {
      const { Items = [], LastEvaluatedKey } = await page(bucket, start);
      await Promise.all(Items.map(({ pk, sk }) => pk && sk && process(pk, sk)));
      start = LastEvaluatedKey;
    } while (start);
  }

  function page(bucket: number, ExclusiveStartKey: Record<string, { S: string }> | undefined | object) {
    return client.send(
      new QueryCommand({
        TableName: tables.packages,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :head)',
        ExpressionAttributeValues: { ':pk': { S: periodPartition(period.id, bucket) }, ':head': { S: headPrefix() } },
        ProjectionExpression: 'pk, sk',
        Limit: 100,
        ...(ExclusiveStartKey ? { ExclusiveStartKey: ExclusiveStartKey as Record<string, { S: string }> } : {}),
      }),
    );
  }

  async function process(pk: { S?: string }, sk: { S?: string }): Promise<void> {
    await client.send(
      new UpdateItemCommand({
        TableName: tables.packages,
        Key: { pk: { S: pk.S ?? '' }, sk: { S: sk.S ?? '' } },
        UpdateExpression:
          'SET #state = :processed, everSent = :true, lastProcessedRevision = revision ADD version :one REMOVE outstandingSort',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':processed': { S: 'processed' }, ':true': { BOOL: true }, ':one': { N: '1' } },
      }),
    );
  }
}
