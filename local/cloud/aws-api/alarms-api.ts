import { z } from 'zod';
import type { Service } from './aws-api-server.ts';

/** What of an `AWS::CloudWatch::Alarm` decides when it rings. */
export interface DeclaredAlarm {
  AlarmName: string;
  Namespace?: string | undefined;
  MetricName?: string | undefined;
  /** Seconds. */
  Period?: number | undefined;
  Threshold?: number | undefined;
  AlarmActions: string[];
}

const declaredAlarm = z.object({
  AlarmName: z.string(),
  Namespace: z.string().optional(),
  MetricName: z.string().optional(),
  Period: z.number().optional(),
  Threshold: z.number().optional(),
  AlarmActions: z.array(z.string()).default([]),
});
const putMetricData = z.object({
  Namespace: z.string(),
  MetricData: z.array(z.object({ MetricName: z.string(), Value: z.number() })),
});
const describeAlarms = z.object({ AlarmNames: z.array(z.string()).default([]) });
const describeAlarmHistory = z.object({ AlarmName: z.string(), HistoryItemType: z.string().optional() });

interface Datum {
  at: number;
  namespace: string;
  metric: string;
  value: number;
}

/** An alarm as the template has it, resolved. */
export function alarmOf(properties: unknown): DeclaredAlarm {
  return declaredAlarm.parse(properties);
}

/**
 * CloudWatch's `PutMetricData`, `DescribeAlarms` and `DescribeAlarmHistory` for alarms over the sum of one metric that
 * is put here (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html). An alarm
 * tells its topics as soon as it is in alarm; nobody listens to them here.
 */
export function alarmsApi(alarms: readonly DeclaredAlarm[]): Service {
  const data: Datum[] = [];
  const isRinging = ({ Namespace, MetricName, Period = 60, Threshold = 0 }: DeclaredAlarm) => {
    const since = Date.now() - Period * 1000;
    const inPeriod = data.filter(
      ({ at, namespace, metric }) => at > since && namespace === Namespace && metric === MetricName,
    );
    return inPeriod.reduce((sum, { value }) => sum + value, 0) > Threshold;
  };
  return {
    PutMetricData(input) {
      const { Namespace, MetricData } = putMetricData.parse(input);
      for (const { MetricName, Value } of MetricData) {
        data.push({ at: Date.now(), namespace: Namespace, metric: MetricName, value: Value });
      }
      return {};
    },
    DescribeAlarms(input) {
      const { AlarmNames } = describeAlarms.parse(input);
      const asked = alarms.filter(({ AlarmName }) => AlarmNames.includes(AlarmName));
      const MetricAlarms = asked.map((alarm) => ({
        ...alarm,
        ActionsEnabled: true,
        StateValue: isRinging(alarm) ? 'ALARM' : 'OK',
      }));
      return { MetricAlarms, CompositeAlarms: [] };
    },
    DescribeAlarmHistory(input) {
      const { AlarmName } = describeAlarmHistory.parse(input);
      const alarm = alarms.find((each) => each.AlarmName === AlarmName);
      const actions = alarm && isRinging(alarm) ? alarm.AlarmActions : [];
      const AlarmHistoryItems = actions.map((action) => ({
        AlarmName,
        HistoryItemType: 'Action',
        HistorySummary: `Successfully executed action ${action}`,
        Timestamp: Date.now() / 1000,
      }));
      return { AlarmHistoryItems };
    },
  };
}
