import type { Settings } from '../config/settings.ts';

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

/** An `AWS::CloudWatch::Alarm`. */
export interface Alarm {
  Type: 'AWS::CloudWatch::Alarm';
  Properties: Record<string, unknown>;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** One failed try is everyday life in a cloud and is tried again; this many in a quarter of an hour are not. */
const FUNCTION_ERRORS_TOLERATED = 3;

/**
 * Every alarm of the service, by logical id: each reports to the alarm topic when it rings and when it stops.
 * @param names the prefix of every name of this stage, such as `halfmonth-prod`
 * @param functions names as in `resources/functions.yml`
 */
export function alarmsOf(names: string, settings: Settings, functions: readonly string[]): Record<string, Alarm> {
  const watches = { ...queueWatches(settings), ...executionWatches(), ...periodWatches(names, settings) };
  const functionWatches = functions.map((name) => watchesOfFunction(names, name));
  return Object.fromEntries(
    Object.entries(Object.assign(watches, ...functionWatches) as Record<string, Watch>).map(([name, watch]) => [
      `${name}Alarm`,
      alarm(`${names}-${name}`, watch),
    ]),
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

/** Where no schedule runs, nobody expects a period to be closed, and `watchPeriods` does not say how long one is overdue. */
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

function alarm(name: string, watch: Watch): Alarm {
  return {
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: name,
      AlarmDescription: `${watch.description} See docs/runbook.md.`,
      Namespace: watch.namespace,
      MetricName: watch.metric,
      Dimensions: watch.dimensions,
      Statistic: watch.statistic,
      Period: watch.periodSeconds,
      EvaluationPeriods: 1,
      Threshold: watch.above,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: watch.whenMissing ?? 'notBreaching',
      AlarmActions: [{ Ref: 'AlarmTopic' }],
      OKActions: [{ Ref: 'AlarmTopic' }],
    },
  };
}
