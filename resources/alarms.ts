import { derivedFrom, type Settings } from '../config/settings.ts';

type Intrinsic = { Ref: string } | { 'Fn::GetAtt': [string, string] };

interface Dimension {
  Name: string;
  Value: string | Intrinsic;
}

/** What an alarm watches and when it rings. */
interface Watch {
  /** What happened and what to do first; the runbook has the rest under the alarm's name. */
  description: string;
  namespace: string;
  metric: string;
  dimensions: Dimension[];
  statistic: 'Sum' | 'Maximum';
  periodSeconds: number;
  /** It rings when the metric exceeds this. */
  above: number;
  /** `breaching` where silence is itself the fault. */
  whenMissing?: 'notBreaching' | 'breaching';
}

/** A watch over several metrics, whose sum rings. */
interface SumWatch extends Omit<Watch, 'metric' | 'dimensions'> {
  terms: Pick<Watch, 'metric' | 'dimensions'>[];
}

/**
 * A watch that rings when a metric falls below what its own history leads to expect at this hour and day of the week.
 */
interface HistoryWatch extends Omit<Watch, 'above'> {
  /** How many standard deviations below are still usual. */
  deviations: number;
  /** So many periods in a row. */
  periods: number;
}

/** An `AWS::CloudWatch::Alarm`. */
export interface Alarm {
  Type: 'AWS::CloudWatch::Alarm';
  Properties: Record<string, unknown>;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** An API that is away for less is everyday life too. */
const MINUTES_TOLERATED = 60;
/** One failed try is everyday life in a cloud and is tried again; this many in a quarter of an hour are not. */
const FUNCTION_ERRORS_TOLERATED = 3;
/** A table that grows splits its partitions, and holds a few requests back meanwhile; the SDK repeats them. */
const THROTTLES_TOLERATED = 100;
/**
 * Half of the 120,000 messages in flight at which SQS hands out no more
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
 */
const IN_FLIGHT_TOLERATED = 60_000;

/**
 * Every alarm of the service, by logical id: each reports to the alarm topic when it rings and when it stops.
 * @param names the prefix of every name of this stage, such as `halfmonth-prod`
 * @param functions names as in `resources/functions.yml`
 */
export function alarmsOf(names: string, settings: Settings, functions: readonly string[]): Record<string, Alarm> {
  const watches = {
    ...queueWatches(settings),
    ...eventWatches(names, settings),
    ...archiveWatches(names, settings),
    ...executionWatches(),
    ...periodWatches(names, settings),
    ...gateWatch(names, settings),
    ...sendingWatches(names),
    ...tableWatches(),
    ...rehearsalWatch(names),
  };
  const functionWatches = functions.map((name) => watchesOfFunction(names, name));
  return Object.fromEntries(
    Object.entries(Object.assign(watches, ...functionWatches) as Record<string, Watch | SumWatch | HistoryWatch>).map(
      ([name, watch]) => [`${name}Alarm`, alarm(`${names}-${name}`, watch, settings)],
    ),
  );
}

function queueWatches({ operations }: Settings): Record<string, Watch> {
  const waiting = (queue: string, description: string): Watch => ({
    description,
    namespace: 'AWS/SQS',
    metric: 'ApproximateNumberOfMessagesVisible',
    dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [queue, 'QueueName'] } }],
    statistic: 'Maximum',
    periodSeconds: 5 * MINUTE,
    above: 0,
  });
  return {
    EventsDeadLettered: waiting(
      'EventsDeadLetterQueue',
      'Events could not be counted in ten tries. They are kept for 14 days: find the cause, then replay them.',
    ),
    EventsInFlight: {
      description:
        'Half of what SQS lets be in flight has been received and is not counted yet. At 120,000 it hands out nothing.',
      namespace: 'AWS/SQS',
      metric: 'ApproximateNumberOfMessagesNotVisible',
      dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['EventsQueue', 'QueueName'] } }],
      statistic: 'Maximum',
      periodSeconds: MINUTE,
      above: IN_FLIGHT_TOLERATED,
    },
    EventsRejected: waiting(
      'RejectedQueue',
      'Events can never count as they are; each message says why. They are kept for 14 days.',
    ),
    ScheduleDeadLettered: waiting('ScheduleDeadLetterQueue', 'The schedule could not start a run. Start one by hand.'),
    EventsWaiting: {
      description: `An event has waited longer than ${operations.oldestEventMinutes} minutes to be counted.`,
      namespace: 'AWS/SQS',
      metric: 'ApproximateAgeOfOldestMessage',
      dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['EventsQueue', 'QueueName'] } }],
      statistic: 'Maximum',
      periodSeconds: 5 * MINUTE,
      above: operations.oldestEventMinutes * MINUTE,
    },
  };
}

/** Producers that fall silent leave no message to alarm on. */
function eventWatches(names: string, { operations }: Settings): Record<string, HistoryWatch> {
  if (!operations.watchEventVolume) return {};
  return {
    EventsCollapsed: {
      description: 'Far fewer events are counted than usual at this hour: a producer may have fallen silent.',
      namespace: 'Halfmonth',
      metric: 'EventsCounted',
      dimensions: [{ Name: 'service', Value: names }],
      statistic: 'Sum',
      periodSeconds: HOUR,
      deviations: 3,
      periods: 3,
      whenMissing: 'breaching',
    },
  };
}

/** Counting goes on without evidence, so somebody has to hear of it. */
function archiveWatches(names: string, { archive }: Settings): Record<string, Watch> {
  if (!archive?.enabled) return {};
  return {
    EventsWithoutEvidence: {
      description: 'Events were counted whose evidence could not be written to the archive in time.',
      namespace: 'Halfmonth',
      metric: 'EventsWithoutEvidence',
      dimensions: [{ Name: 'service', Value: names }],
      statistic: 'Sum',
      periodSeconds: 15 * MINUTE,
      above: 0,
    },
  };
}

/** A table that holds requests back makes everything late: on demand that means more than twice what it ever took. */
function tableWatches(): Record<string, SumWatch> {
  const terms = ['UsageSlicesTable', 'DailyRecordsTable', 'PackagesTable', 'RunsTable'].flatMap((table) =>
    ['ReadThrottleEvents', 'WriteThrottleEvents'].map((metric) => ({
      metric,
      dimensions: [{ Name: 'TableName', Value: { Ref: table } }],
    })),
  );
  return {
    TablesThrottled: {
      description: 'DynamoDB holds requests back again and again.',
      namespace: 'AWS/DynamoDB',
      statistic: 'Sum',
      periodSeconds: 15 * MINUTE,
      above: THROTTLES_TOLERATED,
      terms,
    },
  };
}

/** Rings without a fault: `doctor --ring` sets it off to see whether an alarm reaches a person. */
function rehearsalWatch(names: string): Record<string, Watch> {
  return {
    Rehearsal: {
      description: 'A rehearsal, set off with "doctor --ring": nothing is wrong.',
      namespace: 'Halfmonth',
      metric: 'Rehearsal',
      dimensions: [{ Name: 'service', Value: names }],
      statistic: 'Sum',
      periodSeconds: MINUTE,
      above: 0,
    },
  };
}

function executionWatches(): Record<string, Watch> {
  const executions = (metric: string, description: string): Watch => ({
    description,
    namespace: 'AWS/States',
    metric,
    dimensions: [{ Name: 'StateMachineArn', Value: { Ref: 'BillingPeriodStateMachine' } }],
    statistic: 'Sum',
    periodSeconds: 5 * MINUTE,
    above: 0,
  });
  return {
    RunFailed: executions('ExecutionsFailed', 'A run has failed. Find the cause, remove it, redrive the run.'),
    RunTimedOut: executions('ExecutionsTimedOut', 'A run has timed out. Find out what it waited for, redrive it.'),
    RunThrottled: executions('ExecutionThrottled', 'Step Functions holds a run back: the account is at its limits.'),
  };
}

/** What only the service itself can know: its watchdog looks every hour, and its silence rings too. */
function periodWatches(names: string, { operations }: Settings): Record<string, Watch> {
  const own = (metric: string, above: number, description: string): Watch => ({
    description,
    namespace: 'Halfmonth',
    metric,
    dimensions: [{ Name: 'service', Value: names }],
    statistic: 'Maximum',
    periodSeconds: HOUR,
    above,
  });
  return {
    PackagesParked: own('PackagesParked', 0, 'Packages wait for a person: their attempts are spent.'),
    PackagesRejected: own(
      'PackagesRejected',
      0,
      'A run was closed with packages that the invoice API rejected: their usage is not billed.',
    ),
    LateUsageUnbilled: own(
      'LateUsageUnbilled',
      0,
      'Usage was counted after its period had been closed. Run the period again to send corrections.',
    ),
    ForecastPastDeadline: {
      description: 'A run will not be done by its deadline at the present quota and pace.',
      namespace: 'AWS/Events',
      metric: 'TriggeredRules',
      dimensions: [{ Name: 'RuleName', Value: { Ref: 'ForecastPastDeadlineRule' } }],
      statistic: 'Sum',
      periodSeconds: 5 * MINUTE,
      above: 0,
    },
    PeriodOverdue: {
      ...own(
        'HoursSinceSchedule',
        operations.closeWithinHours,
        `A period was not closed within ${operations.closeWithinHours} hours after its schedule, or nobody looked.`,
      ),
      periodSeconds: 2 * HOUR,
      whenMissing: settingsWatch(operations.scheduleEnabled),
    },
  };
}

/** Nobody is waited for where the gate is off. */
function gateWatch(names: string, settings: Settings): Record<string, Watch> {
  if (derivedFrom(settings).gate.mode === 'off') return {};
  return {
    ApprovalAwaited: {
      description: 'Packages wait for approval before they are sent. See why they are held, then approve or refuse.',
      namespace: 'Halfmonth',
      metric: 'PackagesHeld',
      dimensions: [{ Name: 'service', Value: names }],
      statistic: 'Maximum',
      periodSeconds: HOUR,
      above: 0,
    },
  };
}

/** What a run that cannot send says each time that it looks whether it may. */
function sendingWatches(names: string): Record<string, Watch> {
  const own = (metric: string, statistic: 'Sum' | 'Maximum', above: number, description: string): Watch => ({
    description,
    namespace: 'Halfmonth',
    metric,
    dimensions: [{ Name: 'service', Value: names }],
    statistic,
    // A sender that is kept away looks every quarter of an hour.
    periodSeconds: HOUR / 2,
    above,
  });
  return {
    InvoiceApiSilent: own(
      'MinutesWithoutAnswer',
      'Maximum',
      MINUTES_TOLERATED,
      'The invoice API has given no usable answer for an hour, while something is due.',
    ),
    InvoiceApiBlocked: own(
      'MinutesBlocked',
      'Maximum',
      MINUTES_TOLERATED,
      'Nothing is sent for longer than an hour from now: the invoice API asks everybody to stay away.',
    ),
    PackagesSetAside: own(
      'PackagesSetAside',
      'Sum',
      0,
      'The invoice API turns a package away again and again while it answers others; it waits by itself.',
    ),
  };
}

/**
 * Where no schedule runs, nobody expects a period to be closed, and `watchPeriods` does not say how long one is
 * overdue.
 */
function settingsWatch(scheduleEnabled: boolean): 'breaching' | 'notBreaching' {
  return scheduleEnabled ? 'breaching' : 'notBreaching';
}

function watchesOfFunction(names: string, functionName: string): Record<string, Watch> {
  const title = functionName.charAt(0).toUpperCase() + functionName.slice(1);
  const watch = (metric: string, above: number, description: string): Watch => ({
    description,
    namespace: 'AWS/Lambda',
    metric,
    dimensions: [{ Name: 'FunctionName', Value: `${names}-${functionName}` }],
    statistic: 'Sum',
    periodSeconds: 15 * MINUTE,
    above,
  });
  return {
    [`${title}Errors`]: watch('Errors', FUNCTION_ERRORS_TOLERATED, `${functionName} fails again and again.`),
    [`${title}Throttles`]: watch(
      'Throttles',
      0,
      `Lambda held ${functionName} back: the account's concurrency is spent.`,
    ),
  };
}

function alarm(name: string, watch: Watch | SumWatch | HistoryWatch, { operations }: Settings): Alarm {
  const receivers = [{ Ref: 'AlarmTopic' }, ...(operations.alarmTopicArn ? [operations.alarmTopicArn] : [])];
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: name,
      AlarmDescription: `${watch.description} See docs/runbook.md.`,
      ...conditionOf(watch),
      TreatMissingData: watch.whenMissing ?? 'notBreaching',
      AlarmActions: receivers,
      OKActions: receivers,
    },
  };
}

function conditionOf(watch: Watch | SumWatch | HistoryWatch): Record<string, unknown> {
  if ('terms' in watch) return conditionOfSum(watch);
  if ('deviations' in watch) return conditionOfHistory(watch);
  return {
    Namespace: watch.namespace,
    MetricName: watch.metric,
    Dimensions: watch.dimensions,
    Statistic: watch.statistic,
    Period: watch.periodSeconds,
    EvaluationPeriods: 1,
    Threshold: watch.above,
    ComparisonOperator: 'GreaterThanThreshold',
  };
}

function conditionOfSum(watch: SumWatch): Record<string, unknown> {
  const terms = watch.terms.map(({ metric, dimensions }, index) =>
    metricQuery(`m${index}`, { ...watch, metric, dimensions }),
  );
  const sum = terms.map(({ Id }) => `FILL(${Id}, 0)`).join(' + ');
  return {
    Metrics: [{ Id: 'sum', Expression: sum, Label: 'sum', ReturnData: true }, ...terms],
    EvaluationPeriods: 1,
    Threshold: watch.above,
    ComparisonOperator: 'GreaterThanThreshold',
  };
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html */
function conditionOfHistory(watch: HistoryWatch): Record<string, unknown> {
  const { ReturnData: _isHidden, ...counted } = metricQuery('counted', watch);
  return {
    Metrics: [
      { ...counted, ReturnData: true },
      { Id: 'usual', Expression: `ANOMALY_DETECTION_BAND(counted, ${watch.deviations})`, ReturnData: true },
    ],
    ThresholdMetricId: 'usual',
    ComparisonOperator: 'LessThanLowerThreshold',
    EvaluationPeriods: watch.periods,
  };
}

function metricQuery(
  id: string,
  watch: Pick<Watch, 'namespace' | 'metric' | 'dimensions' | 'periodSeconds' | 'statistic'>,
) {
  const { namespace, metric, dimensions, periodSeconds, statistic } = watch;
  const Metric = { Namespace: namespace, MetricName: metric, Dimensions: dimensions };
  return { Id: id, MetricStat: { Metric, Period: periodSeconds, Stat: statistic }, ReturnData: false };
}
