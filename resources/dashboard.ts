import type { Settings } from '../config/settings.ts';

type MetricLine = (string | Record<string, unknown>)[];

interface Widget {
  type: 'metric' | 'text' | 'alarm';
  x: number;
  y: number;
  width: number;
  height: number;
  properties: Record<string, unknown>;
}

const COLUMN = 12;
const ROW = 6;

/**
 * The CloudWatch dashboard of a stage: the way of an event from the queue to the invoice API, the use of the quota
 * against its limit, the API's latency, and what counting costs in write units.
 * The format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
export function dashboardOf(names: string, settings: Settings, functions: readonly string[]) {
  const graphs = [
    ...funnel(names),
    ...invoiceApi(names, settings),
    ...costs(names),
    ...functionGraphs(names, functions),
  ];
  const widgets = graphs.map((properties, index): Widget => {
    const place = { x: (index % 2) * COLUMN, y: Math.floor(index / 2) * ROW, width: COLUMN, height: ROW };
    return { type: 'metric', ...place, properties: { region: '${AWS::Region}', view: 'timeSeries', ...properties } };
  });
  return {
    Type: 'AWS::CloudWatch::Dashboard',
    Properties: { DashboardName: names, DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets }) } },
  };
}

function own(names: string, metric: string, options: Record<string, unknown> = {}): MetricLine {
  return ['Halfmonth', metric, 'service', names, options];
}

function queue(names: string, suffix: string, metric: string, label: string): MetricLine {
  return ['AWS/SQS', metric, 'QueueName', `${names}-${suffix}`, { label }];
}

function funnel(names: string) {
  return [
    {
      title: 'Events: received and counted',
      stat: 'Sum',
      period: 300,
      metrics: [
        queue(names, 'events', 'NumberOfMessagesReceived', 'messages received'),
        own(names, 'EventsCounted', { label: 'counted' }),
        own(names, 'EventsDuplicate', { label: 'duplicates, counted before' }),
        own(names, 'EventsLate', { label: 'late' }),
        own(names, 'EventsRejected', { label: 'rejected' }),
      ],
    },
    {
      title: 'Queues: waiting',
      stat: 'Maximum',
      period: 300,
      metrics: [
        queue(names, 'events', 'ApproximateNumberOfMessagesVisible', 'events'),
        queue(names, 'events-dead-letters', 'ApproximateNumberOfMessagesVisible', 'dead letters'),
        queue(names, 'rejected', 'ApproximateNumberOfMessagesVisible', 'rejected'),
        [
          'AWS/SQS',
          'ApproximateAgeOfOldestMessage',
          'QueueName',
          `${names}-events`,
          { label: 'oldest, seconds', yAxis: 'right' },
        ],
      ],
    },
    {
      title: 'Packages',
      stat: 'Sum',
      period: 300,
      metrics: [
        own(names, 'RequestsBooked', { label: 'booked' }),
        own(names, 'PackagesSent', { label: 'sent' }),
        own(names, 'StatusReads', { label: 'status reads' }),
        own(names, 'PackagesParked', { label: 'parked', stat: 'Maximum' }),
      ],
    },
    {
      title: 'Runs',
      stat: 'Sum',
      period: 3600,
      metrics: ['ExecutionsStarted', 'ExecutionsSucceeded', 'ExecutionsFailed', 'ExecutionsTimedOut'].map((metric) => [
        'AWS/States',
        metric,
        'StateMachineArn',
        '${BillingPeriodStateMachine}',
      ]),
    },
  ];
}

/** A line for each window of a quota, as `25/1,5000/86400` has them: what it allows in a minute on average. */
function quotaLines(what: string, quota: string) {
  if (quota === 'none') return [];
  return quota.split(',').map((window) => {
    // The settings have checked that a window is `requests/seconds`.
    const [requests, seconds] = window.split('/').map(Number) as [number, number];
    return {
      label: `${what}: ${requests} in ${seconds} s, as a minute's share`,
      value: Math.max(1, Math.round((requests * 60) / seconds)),
    };
  });
}

function invoiceApi(names: string, { invoiceApi: { sharedQuota, sendQuota, statusQuota } }: Settings) {
  return [
    {
      title: 'Invoice API: requests against the quota',
      stat: 'Sum',
      period: 60,
      metrics: [
        [{ expression: 'sent + read', label: 'requests a minute', id: 'requests' }],
        own(names, 'PackagesSent', { id: 'sent', label: 'sent' }),
        own(names, 'StatusReads', { id: 'read', label: 'status reads' }),
        own(names, 'RequestsThrottled', { label: 'throttled' }),
        own(names, 'RequestsUnknown', { label: 'outcome unknown' }),
      ],
      annotations: {
        horizontal: [
          ...quotaLines('quota of all requests', sharedQuota),
          ...quotaLines('quota of sends', sendQuota),
          ...quotaLines('quota of status reads', statusQuota),
        ],
      },
    },
    {
      title: 'Invoice API: latency',
      period: 300,
      metrics: ['p50', 'p90', 'p99'].map((stat) => own(names, 'InvoiceApiLatency', { stat, label: stat })),
    },
  ];
}

function costs(names: string) {
  return [
    {
      title: 'Write units an event',
      stat: 'Sum',
      period: 3600,
      metrics: [
        [{ expression: 'units / counted', label: 'write units an event', id: 'ratio' }],
        own(names, 'CountingWriteUnits', { id: 'units', visible: false }),
        own(names, 'EventsCounted', { id: 'counted', visible: false }),
      ],
    },
    {
      title: 'Tables: units consumed',
      stat: 'Sum',
      period: 300,
      metrics: ['usage-slices', 'daily-records', 'packages', 'runs'].flatMap((table) =>
        ['ConsumedWriteCapacityUnits', 'ConsumedReadCapacityUnits'].map((metric) => [
          'AWS/DynamoDB',
          metric,
          'TableName',
          `${names}-${table}`,
        ]),
      ),
    },
  ];
}

function functionGraphs(names: string, functions: readonly string[]) {
  const graph = (title: string, metric: string, stat: string) => ({
    title,
    stat,
    period: 300,
    metrics: functions.map((name) => ['AWS/Lambda', metric, 'FunctionName', `${names}-${name}`, { label: name }]),
  });
  return [graph('Functions: errors', 'Errors', 'Sum'), graph('Functions: longest time', 'Duration', 'Maximum')];
}
