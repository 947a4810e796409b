import { type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import { BUCKETS, periodPartition } from './keys.ts';

/** Whether anything was counted in a period: one read a bucket, however much there is. */
export async function hasUsage(
  documents: DynamoDBDocumentClient,
  dailyRecordsTable: string,
  periodId: PeriodId,
): Promise<boolean> {
  const answers = await Promise.all(
    Array.from({ length: BUCKETS }, (_, bucket) =>
      documents.send(
        new QueryCommand({
          TableName: dailyRecordsTable,
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
