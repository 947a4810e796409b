import type { PackagingEnvironment } from '../config/packaging-environment.ts';
import { BillingCalendar } from '../periods/days.ts';
import { CertificateStore } from '../store/certificate-store.ts';
import { DailyRecordWriter } from '../store/daily-record-writer.ts';
import { createDocumentClient } from '../store/document-client.ts';
import { createDynamoDbClient } from '../store/dynamodb-client.ts';
import { LateLedger } from '../store/late-ledger.ts';
import { PackageStore } from '../store/package-store.ts';
import { RunStore } from '../store/run-store.ts';
import type { PackageChunkResources } from './package-chunk.ts';

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
