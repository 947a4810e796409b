import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { PeriodHealth } from '../runs/watch-periods.ts';

/** Records what is known of what periods leave to be done; the alarms rest on these names. @returns the health, unchanged */
export function healthMetrics(metrics: Metrics, health: PeriodHealth): PeriodHealth {
  const { hoursSinceSchedule, packagesParked, lateUsageUnbilled } = health;
  if (hoursSinceSchedule !== undefined) metrics.addMetric('HoursSinceSchedule', MetricUnit.Count, hoursSinceSchedule);
  metrics.addMetric('PackagesParked', MetricUnit.Count, packagesParked);
  if (lateUsageUnbilled !== undefined) metrics.addMetric('LateUsageUnbilled', MetricUnit.Count, lateUsageUnbilled);
  return health;
}
