import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from '../lib/config/environment.ts';
import { BillingCalendar } from '../lib/periods/days.ts';
import { type PackageChunkEvent, packageChunk } from '../lib/runs/package-chunk.ts';
import { CertificateStore } from '../lib/store/certificate-store.ts';
import { DailyRecordWriter } from '../lib/store/daily-record-writer.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { createDynamoDbClient } from '../lib/store/dynamodb-client.ts';
import { LateLedger } from '../lib/store/late-ledger.ts';
import { PackageStore } from '../lib/store/package-store.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(
  z.object({
    BILLING_TIME_ZONE: timeZoneName(),
    SLICE_MINUTES: wholeNumber(1, 60),
    EVENT_MAX_AGE_DAYS: wholeNumber(1),
    USAGE_SLICES_TABLE: requiredText(),
    DAILY_RECORDS_TABLE: requiredText(),
    PACKAGES_TABLE: requiredText(),
    RUNS_TABLE: requiredText(),
  }),
  process.env,
);

const documents = createDocumentClient();
const resources = {
  calendar: new BillingCalendar(environment.BILLING_TIME_ZONE, environment.SLICE_MINUTES),
  eventMaxAgeDays: environment.EVENT_MAX_AGE_DAYS,
  tables: {
    client: createDynamoDbClient(),
    usageSlices: environment.USAGE_SLICES_TABLE,
    dailyRecords: environment.DAILY_RECORDS_TABLE,
    packages: environment.PACKAGES_TABLE,
  },
  runs: new RunStore(documents, environment.RUNS_TABLE),
  packages: new PackageStore(documents, environment.PACKAGES_TABLE),
  certificates: new CertificateStore(documents, environment.RUNS_TABLE),
  dailyRecords: new DailyRecordWriter(documents, environment.DAILY_RECORDS_TABLE),
  lateLedger: new LateLedger(documents, {
    packages: environment.PACKAGES_TABLE,
    usageSlices: environment.USAGE_SLICES_TABLE,
  }),
  writeConcurrency: 32,
  now: Date.now,
};

export const handler = middy((event: PackageChunkEvent, context: Context) =>
  packageChunk(event, { ...resources, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
);
