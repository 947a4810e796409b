import { beforeAll, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../../config/settings.ts';
import { alarmsOf } from '../../../resources/alarms.ts';
import { type Datum, stateOf } from '../../fixtures/alarm-states.ts';
import { packagedTemplate, resourcesOf, type Template } from '../../fixtures/packaged-service.ts';
import { resolved } from '../../fixtures/resolved-template.ts';

let template: Template;
beforeAll(async () => {
  template = await packagedTemplate('prod');
});

function alarm(id: string): Record<string, unknown> {
  const properties = resourcesOf(template, 'AWS::CloudWatch::Alarm').find(([name]) => name === id)?.[1];
  expect(properties).toBeDefined();
  return resolved(template, properties) as Record<string, unknown>;
}

const own = (metric: string, value: number): Datum => ({
  namespace: 'Halfmonth',
  metric,
  dimensions: { service: 'halfmonth-prod' },
  value,
});

describe('an alarm rings', () => {
  test('for one rejected package, and not for a run without any', () => {
    expect(stateOf(alarm('PackagesRejectedAlarm'), [own('PackagesRejected', 1)])).toBe('ALARM');
    expect(stateOf(alarm('PackagesRejectedAlarm'), [own('PackagesRejected', 0)])).toBe('OK');
    expect(stateOf(alarm('PackagesRejectedAlarm'), [])).toBe('OK');
  });

  test.each(['usage-slices', 'daily-records', 'packages', 'runs'])(
    'when DynamoDB holds back requests to %s, and not for the few of a table that grows',
    (table) => {
      const throttles = (value: number): Datum[] =>
        ['ReadThrottleEvents', 'WriteThrottleEvents'].map((metric) => ({
          namespace: 'AWS/DynamoDB',
          metric,
          dimensions: { TableName: `halfmonth-prod-${table}` },
          value,
        }));

      expect(stateOf(alarm('TablesThrottledAlarm'), throttles(51))).toBe('ALARM');
      expect(stateOf(alarm('TablesThrottledAlarm'), throttles(50))).toBe('OK');
    },
  );

  test('when far fewer events come than CloudWatch has learned to expect, and when none come at all', () => {
    const { Metrics, ...condition } = alarm('EventsCollapsedAlarm');

    expect(condition).toMatchObject({
      ComparisonOperator: 'LessThanLowerThreshold',
      ThresholdMetricId: 'usual',
      TreatMissingData: 'breaching',
    });
    expect(Metrics).toMatchObject([
      { MetricStat: { Metric: { Namespace: 'Halfmonth', MetricName: 'EventsCounted' } } },
      { Id: 'usual', Expression: 'ANOMALY_DETECTION_BAND(counted, 3)' },
    ]);
  });

  test.each([
    ['InvoiceApiSilentAlarm', 'MinutesWithoutAnswer'],
    ['InvoiceApiBlockedAlarm', 'MinutesBlocked'],
  ])('%s: after an hour, and not before', (id, metric) => {
    expect(stateOf(alarm(id), [own(metric, 61), own(metric, 0)])).toBe('ALARM');
    expect(stateOf(alarm(id), [own(metric, 60)])).toBe('OK');
    expect(stateOf(alarm(id), [])).toBe('OK');
  });

  test('for one package that was set aside', () => {
    expect(stateOf(alarm('PackagesSetAsideAlarm'), [own('PackagesSetAside', 1)])).toBe('ALARM');
    expect(stateOf(alarm('PackagesSetAsideAlarm'), [])).toBe('OK');
  });

  test('when a forecast is past its deadline, by the rule that passes the event on', () => {
    const matched = (value: number): Datum => ({
      namespace: 'AWS/Events',
      metric: 'TriggeredRules',
      dimensions: { RuleName: String(resolved(template, { Ref: 'ForecastPastDeadlineRule' })) },
      value,
    });

    expect(stateOf(alarm('ForecastPastDeadlineAlarm'), [matched(1)])).toBe('ALARM');
    expect(stateOf(alarm('ForecastPastDeadlineAlarm'), [])).toBe('OK');
  });

  test('for a rehearsal', () => {
    expect(stateOf(alarm('RehearsalAlarm'), [own('Rehearsal', 1)])).toBe('ALARM');
    expect(stateOf(alarm('RehearsalAlarm'), [])).toBe('OK');
  });
});

describe('what rings', () => {
  test('is heard: every alarm tells the topic, and the topic the address', () => {
    const topic = resolved(template, { Ref: 'AlarmTopic' });
    for (const [id] of resourcesOf(template, 'AWS::CloudWatch::Alarm')) {
      expect({ id, ...alarm(id) }).toMatchObject({ id, AlarmActions: [topic], OKActions: [topic] });
    }
    const [subscription] = resourcesOf(template, 'AWS::SNS::Subscription');
    expect(subscription?.[1]).toMatchObject({ Protocol: 'email', Endpoint: 'billing-on-call@example.com' });
  });

  test('is heard by a topic of the user too, where the settings name one', () => {
    const settings = readSettings('prod');
    const alarmTopicArn = 'arn:aws:sns:eu-central-1:123456789012:paging';
    const alarms = alarmsOf(
      'halfmonth-prod',
      { ...settings, operations: { ...settings.operations, alarmTopicArn } },
      [],
    );

    for (const { Properties } of Object.values(alarms)) {
      expect(Properties.AlarmActions).toEqual([{ Ref: 'AlarmTopic' }, alarmTopicArn]);
    }
  });
});
