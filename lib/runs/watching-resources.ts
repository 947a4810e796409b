import type { WatchingEnvironment } from '../config/watching-environment.ts';
import { BillingCalendar } from '../periods/days.ts';
import { createDocumentClient } from '../store/document-client.ts';
import { createDynamoDbClient } from '../store/dynamodb-client.ts';
import { LateLedger } from '../store/late-ledger.ts';
import { OutstandingPackages } from '../store/outstanding-packages.ts';
import { hasUsage } from '../store/period-usage.ts';
import { RunStore } from '../store/run-store.ts';
import type { WatchResources } from './watch-periods.ts';

/** Wires watching to its tables. */
export function watchingResources(
  environment: WatchingEnvironment,
): Omit<WatchResources, 'notifications' | 'remainingMilliseconds'> {
  const { USAGE_SLICES_TABLE, DAILY_RECORDS_TABLE, PACKAGES_TABLE, RUNS_TABLE } = environment;
  const client = createDynamoDbClient();
  const documents = createDocumentClient(client);
  return {
    calendar: new BillingCalendar(environment.BILLING_TIME_ZONE, environment.SLICE_MINUTES),
    isScheduled: environment.SCHEDULE_ENABLED,
    graceHours: environment.GRACE_HOURS,
    eventMaxAgeDays: environment.EVENT_MAX_AGE_DAYS,
    runs: new RunStore(documents, RUNS_TABLE),
    outstanding: new OutstandingPackages(documents, PACKAGES_TABLE),
    late: new LateLedger({ client, packages: PACKAGES_TABLE, usageSlices: USAGE_SLICES_TABLE }),
    hasUsage: (periodId) => hasUsage(documents, DAILY_RECORDS_TABLE, periodId),
    now: Date.now,
  };
}
