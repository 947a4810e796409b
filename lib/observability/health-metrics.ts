import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { PeriodHealth } from '../runs/watch-periods.ts';

/** Records what periods leave to be done; the alarms rest on these names. @returns the health, unchanged */
export function healthMetrics(metrics: Metrics, health: PeriodHealth): PeriodHealth {
  metrics.addMetric('HoursSinceSchedule', MetricUnit.Count, health.hoursSinceSchedule);
  metrics.addMetric('PackagesParked', MetricUnit.Count, health.packagesParked);
  metrics.addMetric('LateUsageUnbilled', MetricUnit.Count, health.lateUsageUnbilled);
  return health;
}
