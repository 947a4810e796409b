import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SendingMetrics } from './sending.ts';

/** Metrics of sending as CloudWatch's embedded metric format, which costs a log line and no request. */
export function powertoolsMetrics(metrics: Metrics): SendingMetrics {
  return {
    count: (name, value) => metrics.addMetric(name, MetricUnit.Count, value),
    milliseconds: (name, value) => metrics.addMetric(name, MetricUnit.Milliseconds, value),
  };
}
