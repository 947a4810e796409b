import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { BillingCalendar } from '../../lib/periods/days.ts';
import type { PeriodHealth, WatchDependencies } from '../../lib/runs/watch-periods.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { OutstandingPackages } from '../../lib/store/outstanding-packages.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { hasUsage } from '../../lib/store/usage-reader.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What watch-periods works with.
 * @throws InvalidEnvironment naming every fault
 */
export function watchingDependencies(
  environment: Environment,
): Omit<WatchDependencies, 'notifications' | 'remainingMilliseconds'> {
  const variables = readVariables(
    environment,
    'BILLING_TIME_ZONE',
    'SLICE_MINUTES',
    'EVENT_MAX_AGE_DAYS',
    'GRACE_HOURS',
    'SCHEDULE_ENABLED',
    'USAGE_SLICES_TABLE',
    'DAILY_RECORDS_TABLE',
    'PACKAGES_TABLE',
    'RUNS_TABLE',
  );
  const tables = tablesOf(variables);
  return {
    calendar: new BillingCalendar(variables.BILLING_TIME_ZONE, variables.SLICE_MINUTES),
    isScheduled: variables.SCHEDULE_ENABLED,
    graceHours: variables.GRACE_HOURS,
    eventMaxAgeDays: variables.EVENT_MAX_AGE_DAYS,
    runs: new RunStore(tables),
    outstanding: new OutstandingPackages(tables),
    late: new LateLedger(tables),
    hasUsage: (periodId) => hasUsage(tables, periodId),
    now: Date.now,
  };
}

/**
 * Records what is known of what periods leave to be done; the alarms rest on these names.
 * @returns the health, unchanged
 */
export function healthMetrics(metrics: Metrics, health: PeriodHealth): PeriodHealth {
  const { hoursSinceSchedule, packagesParked, packagesHeld, lateUsageUnbilled } = health;
  if (hoursSinceSchedule !== undefined) metrics.addMetric('HoursSinceSchedule', MetricUnit.Count, hoursSinceSchedule);
  metrics.addMetric('PackagesParked', MetricUnit.Count, packagesParked);
  // Silence means none, so that a stage without a gate pays for no metric.
  if (packagesHeld > 0) metrics.addMetric('PackagesHeld', MetricUnit.Count, packagesHeld);
  if (lateUsageUnbilled !== undefined) metrics.addMetric('LateUsageUnbilled', MetricUnit.Count, lateUsageUnbilled);
  return health;
}
