import * as z from 'zod/mini';
import { BillingCalendar } from '../../lib/periods/days.ts';
import type { PackageChunkResources } from '../../lib/runs/package-chunk.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { DailyRecordWriter } from '../../lib/store/daily-records.ts';
import { createDocumentClient } from '../../lib/store/document-client.ts';
import { createDynamoDbClient } from '../../lib/store/dynamodb-client.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from './environment.ts';

const schema = z.object({
  BILLING_TIME_ZONE: timeZoneName(),
  SLICE_MINUTES: wholeNumber(1, 60),
  EVENT_MAX_AGE_DAYS: wholeNumber(1),
  USAGE_SLICES_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  PACKAGES_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
});

/** What package-chunk needs of its environment. */
export type PackagingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function packagingEnvironment(environment: Record<string, string | undefined>): PackagingEnvironment {
  return readEnvironment(schema, environment);
}

/** Wires packaging to its tables. */
export function packagingResources(
  environment: PackagingEnvironment,
): Omit<PackageChunkResources, 'remainingMilliseconds'> {
  const { USAGE_SLICES_TABLE, DAILY_RECORDS_TABLE, PACKAGES_TABLE, RUNS_TABLE } = environment;
  const client = createDynamoDbClient();
  const documents = createDocumentClient(client);
  const tables = {
    client,
    usageSlices: USAGE_SLICES_TABLE,
    dailyRecords: DAILY_RECORDS_TABLE,
    packages: PACKAGES_TABLE,
  };
  return {
    calendar: new BillingCalendar(environment.BILLING_TIME_ZONE, environment.SLICE_MINUTES),
    eventMaxAgeDays: environment.EVENT_MAX_AGE_DAYS,
    tables,
    runs: new RunStore(documents, RUNS_TABLE),
    packages: new PackageStore(documents, PACKAGES_TABLE),
    certificates: new CertificateStore(documents, RUNS_TABLE),
    dailyRecords: new DailyRecordWriter(documents, DAILY_RECORDS_TABLE),
    lateLedger: new LateLedger(tables),
    writeConcurrency: 32,
    now: Date.now,
  };
}
