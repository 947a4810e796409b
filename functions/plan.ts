import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { readEnvironment, requiredText, wholeNumber } from '../lib/config/environment.ts';
import { type PlanEvent, plan } from '../lib/runs/plan.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { createDynamoDbClient } from '../lib/store/dynamodb-client.ts';
import { RecordWeights } from '../lib/store/record-weights.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(
  z.object({
    RUNS_TABLE: requiredText(),
    DAILY_RECORDS_TABLE: requiredText(),
    SLICE_MINUTES: wholeNumber(1, 60),
    PACKAGING_RECORDS_PER_SECOND: wholeNumber(1),
    PACKAGING_TARGET_SECONDS: wholeNumber(1),
  }),
  process.env,
);

const resources = {
  runs: new RunStore(createDocumentClient(), environment.RUNS_TABLE),
  weights: new RecordWeights(createDynamoDbClient(), environment.DAILY_RECORDS_TABLE, environment.SLICE_MINUTES),
  recordsPerSecond: environment.PACKAGING_RECORDS_PER_SECOND,
  targetSeconds: environment.PACKAGING_TARGET_SECONDS,
  now: Date.now,
};

export const handler = middy((event: PlanEvent, context: Context) =>
  plan(event, { ...resources, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
);
