import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import * as z from 'zod/mini';
import { BillingCalendar } from '../../lib/periods/days.ts';
import type { PeriodHealth, WatchResources } from '../../lib/runs/watch-periods.ts';
import { createDocumentClient } from '../../lib/store/document-client.ts';
import { createDynamoDbClient } from '../../lib/store/dynamodb-client.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { OutstandingPackages } from '../../lib/store/outstanding-packages.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { hasUsage } from '../../lib/store/usage-reader.ts';
import { readEnvironment, requiredText, timeZoneName, wholeNumber, yesOrNo } from './environment.ts';

const schema = z.object({
  BILLING_TIME_ZONE: timeZoneName(),
  SLICE_MINUTES: wholeNumber(1, 60),
  EVENT_MAX_AGE_DAYS: wholeNumber(1),
  GRACE_HOURS: wholeNumber(0),
  SCHEDULE_ENABLED: yesOrNo(),
  USAGE_SLICES_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  PACKAGES_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
});

/** What watch-periods needs of its environment. */
export type WatchingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function watchingEnvironment(environment: Record<string, string | undefined>): WatchingEnvironment {
  return readEnvironment(schema, environment);
}

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

/** Records what is known of what periods leave to be done; the alarms rest on these names. @returns the health, unchanged */
export function healthMetrics(metrics: Metrics, health: PeriodHealth): PeriodHealth {
  const { hoursSinceSchedule, packagesParked, lateUsageUnbilled } = health;
  if (hoursSinceSchedule !== undefined) metrics.addMetric('HoursSinceSchedule', MetricUnit.Count, hoursSinceSchedule);
  metrics.addMetric('PackagesParked', MetricUnit.Count, packagesParked);
  if (lateUsageUnbilled !== undefined) metrics.addMetric('LateUsageUnbilled', MetricUnit.Count, lateUsageUnbilled);
  return health;
}
