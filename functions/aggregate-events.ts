import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createDynamoDbClient } from '../lib/store/dynamodb-client.ts';
import { createIngestion } from './wiring/counting.ts';

const ingestion = createIngestion(process.env, createDynamoDbClient(), new SQSClient());

export const handler = middy((event: SQSEvent, context: Context): Promise<SQSBatchResponse> => {
  return ingestion.handle(event.Records, context.getRemainingTimeInMillis());
});
