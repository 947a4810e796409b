import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from '../lib/config/environment.ts';
import { serviceName } from '../lib/config/service-name.ts';
import { BillingCalendar } from '../lib/periods/days.ts';
import { eventBusNotifications } from '../lib/runs/event-bus.ts';
import { watchPeriods } from '../lib/runs/watch-periods.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { LateLedger } from '../lib/store/late-ledger.ts';
import { OutstandingPackages } from '../lib/store/outstanding-packages.ts';
import { hasUsage } from '../lib/store/period-usage.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(
  z.object({
    BILLING_TIME_ZONE: timeZoneName(),
    SLICE_MINUTES: wholeNumber(1, 60),
    EVENT_MAX_AGE_DAYS: wholeNumber(1),
    GRACE_HOURS: wholeNumber(0),
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
  graceHours: environment.GRACE_HOURS,
  eventMaxAgeDays: environment.EVENT_MAX_AGE_DAYS,
  runs: new RunStore(documents, environment.RUNS_TABLE),
  outstanding: new OutstandingPackages(documents, environment.PACKAGES_TABLE),
  late: new LateLedger(documents, {
    packages: environment.PACKAGES_TABLE,
    usageSlices: environment.USAGE_SLICES_TABLE,
  }),
  notifications: eventBusNotifications(new EventBridgeClient(), serviceName(process.env)),
  hasUsage: (periodId: string) => hasUsage(documents, environment.DAILY_RECORDS_TABLE, periodId),
  now: Date.now,
};
const metrics = new Metrics();

/** Every hour: turns what ended periods leave to be done into metrics, on which the alarms rest. */
export const handler = middy()
  .use(logMetrics(metrics))
  .handler(async () => {
    const health = await watchPeriods(resources);
    metrics.addMetric('HoursSinceSchedule', MetricUnit.Count, health.hoursSinceSchedule);
    metrics.addMetric('PackagesParked', MetricUnit.Count, health.packagesParked);
    metrics.addMetric('LateUsageUnbilled', MetricUnit.Count, health.lateUsageUnbilled);
    return health;
  });
