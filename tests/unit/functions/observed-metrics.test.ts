import { readdirSync, readFileSync } from 'node:fs';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { expect, test } from '@jest/globals';
import { readSettings } from '../../../config/settings.ts';
import { healthMetrics } from '../../../functions/wiring/watching.ts';
import { alarmsOf } from '../../../resources/alarms.ts';
import { dashboardOf } from '../../../resources/dashboard.ts';
import { functionNames } from '../../../resources/function-names.ts';

/** All that the functions are made of, as text. */
const sources = ['functions', 'lib']
  .flatMap((folder) => {
    const root = new URL(`../../../${folder}/`, import.meta.url);
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(new URL(name, root), 'utf8'));
  })
  .join('\n');

// With a gate, so that its alarm is among them.
const settings = { ...readSettings('prod'), gate: { mode: 'variance' as const } };
const alarms = Object.values(alarmsOf('halfmonth-prod', settings, functionNames())).map(({ Properties }) => Properties);
const dashboard = JSON.parse(
  dashboardOf('halfmonth-prod', settings, functionNames()).Properties.DashboardBody['Fn::Sub'],
);
const drawn: unknown[][] = dashboard.widgets.flatMap(
  (widget: { properties: { metrics: unknown[][] } }) => widget.properties.metrics,
);

/** Written by nobody: the command line sets its alarm off by hand. */
const REHEARSAL = 'Rehearsal';

const own = new Set([
  ...alarms
    .filter(({ Namespace, MetricName }) => Namespace === 'Halfmonth' && MetricName !== REHEARSAL)
    .map(({ MetricName }) => String(MetricName)),
  ...drawn.filter(([namespace]) => namespace === 'Halfmonth').map(([, metric]) => String(metric)),
]);

test.each([...own])('%s, which an alarm or the dashboard rests on, is a metric that a function writes', (metric) => {
  expect(sources).toContain(`'${metric}'`);
});

test('widgets do not overlap and none is wider than the dashboard', () => {
  const places = dashboard.widgets.map(({ x, y }: { x: number; y: number }) => `${x},${y}`);
  expect(new Set(places).size).toBe(places.length);
  for (const { x, width } of dashboard.widgets) expect(x + width).toBeLessThanOrEqual(24);
});

test('every alarm reports to the topic when it rings and when it stops', () => {
  for (const { AlarmActions, OKActions } of alarms) {
    expect([AlarmActions, OKActions]).toEqual([[{ Ref: 'AlarmTopic' }], [{ Ref: 'AlarmTopic' }]]);
  }
});

test('a stage without a schedule is never overdue: nobody says how long, and silence does not ring', () => {
  const alarmsOfDev = Object.values(alarmsOf('halfmonth-dev', readSettings('dev'), functionNames()));
  const overdue = alarmsOfDev.find(({ Properties }) => Properties.MetricName === 'HoursSinceSchedule');
  expect(overdue?.Properties.TreatMissingData).toBe('notBreaching');
  const written: string[] = [];
  const metrics = new Metrics();
  metrics.addMetric = (name) => {
    written.push(name);
    return metrics;
  };
  healthMetrics(metrics, { packagesParked: 0, packagesHeld: 0, lateUsageUnbilled: 0 });
  expect(written).toEqual(['PackagesParked', 'LateUsageUnbilled']);
});

test('silence rings where somebody should have spoken, and only there', () => {
  const ringing = alarms.filter(({ TreatMissingData }) => TreatMissingData === 'breaching');
  expect(ringing.map(({ AlarmName }) => AlarmName)).toEqual([
    'halfmonth-prod-EventsCollapsed',
    'halfmonth-prod-PeriodOverdue',
  ]);
});
