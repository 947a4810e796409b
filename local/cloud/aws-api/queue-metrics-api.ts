import { z } from 'zod';
import type { SqsQueue } from '../../engines/sqs-engine.ts';
import type { Service } from './aws-api-server.ts';
import { AwsError } from './aws-error.ts';

const getMetricStatistics = z.object({
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
});

/**
 * CloudWatch's `GetMetricStatistics` of one metric, the age of a queue's oldest message, as of now
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html). Others are not
 * recorded here.
 * @param queueOf a queue by its name
 */
export function queueMetricsApi(queueOf: (name: string) => SqsQueue | undefined): Service {
  return {
    GetMetricStatistics(input) {
      const { Namespace, MetricName, Dimensions } = getMetricStatistics.parse(input);
      const name = Dimensions.find((dimension) => dimension.Name === 'QueueName')?.Value;
      if (Namespace !== 'AWS/SQS' || MetricName !== 'ApproximateAgeOfOldestMessage' || name === undefined) {
        throw new AwsError('InvalidParameterValue', `The local cloud does not record ${Namespace} ${MetricName}.`);
      }
      const queue = queueOf(name);
      const oldest = queue && oldestOf(queue);
      const now = Date.now();
      const Maximum = oldest === undefined ? 0 : Math.max(0, (now - oldest) / 1000);
      return {
        Label: MetricName,
        Datapoints: queue ? [{ Timestamp: now / 1000, Maximum, Unit: 'Seconds' }] : [],
      };
    },
  };
}

function oldestOf(queue: SqsQueue): number | undefined {
  const { ready, delayed, inflight } = queue.inspectMessages();
  const sent = [...ready, ...delayed, ...inflight.map(({ message }) => message)].map((each) => each.sentTimestamp);
  return sent.length === 0 ? undefined : sent.reduce((least, each) => Math.min(least, each));
}
