import { setTimeout as delay } from 'node:timers/promises';
import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import type { Subscription } from '@aws-sdk/client-sns';
import type { Cloud } from '../connection/cloud.ts';
import { command } from '../terminal/next-command.ts';
import { durationWords, plural } from '../terminal/words.ts';
import type { Health } from './health.ts';

type Found = Omit<Health, 'check'>;

const REHEARSAL = 'Rehearsal';
/** A metric is seen after a minute or two, and its alarm looks once a minute. */
const PATIENCE_MILLISECONDS = 300_000;
const LOOK_EVERY_MILLISECONDS = 5_000;
/** What SNS has in place of an ARN until somebody follows the link, and once the listener has left. */
const PENDING = 'PendingConfirmation';
const TOPIC_SUFFIX = '-alarms';

/** Looks whether anybody hears the alarms: they are not muted, and those who listen have confirmed that they do. */
export async function alarms(cloud: Cloud): Promise<Found> {
  if (cloud.target.kind === 'local') return { state: 'good', words: 'none rings in a local cloud' };
  const names = namesOf(cloud);
  if (names === undefined)
    return { state: 'warning', words: 'the deployed version does not say where they go: deploy' };
  const alarm = await alarmNamed(cloud, `${names}-${REHEARSAL}`);
  if (!alarm) return { state: 'problem', words: `there is no alarm ${names}-${REHEARSAL}: deploy the stack again` };
  if (alarm.ActionsEnabled === false) {
    return { state: 'problem', words: 'they ring and tell nobody: their actions are disabled in CloudWatch' };
  }
  const topics = await Promise.all((alarm.AlarmActions ?? []).map((topic) => listenersOf(cloud, topic)));
  return heardBy(topics);
}

/**
 * Sets the alarm off that means nothing, and waits until CloudWatch has told the topics.
 * @param patience how long to wait, in milliseconds
 */
export async function ringRehearsal(cloud: Cloud, patience = PATIENCE_MILLISECONDS): Promise<Found> {
  if (cloud.target.kind === 'local')
    return { state: 'warning', words: 'nothing was rung: none rings in a local cloud' };
  const names = namesOf(cloud);
  if (names === undefined) return { state: 'problem', words: 'the deployed version has no such alarm: deploy' };
  const alarmName = `${names}-${REHEARSAL}`;
  const startedAt = new Date();
  await putRehearsal(cloud, names);
  while ((await alarmNamed(cloud, alarmName))?.StateValue !== 'ALARM') {
    const waited = Date.now() - startedAt.getTime();
    if (waited >= patience) {
      const words = `${alarmName} has not rung within ${durationWords(waited)}: is it there, and not muted?`;
      return { state: 'problem', words };
    }
    await delay(Math.min(LOOK_EVERY_MILLISECONDS, patience - waited));
  }
  return toldTopics(cloud, alarmName, startedAt);
}

/** The prefix of all names of the stage, as the name of its topic has it. */
function namesOf({ outputs: { AlarmTopicArn } }: Cloud): string | undefined {
  const name = AlarmTopicArn?.slice(AlarmTopicArn.lastIndexOf(':') + 1);
  return name?.endsWith(TOPIC_SUFFIX) ? name.slice(0, -TOPIC_SUFFIX.length) : undefined;
}

async function alarmNamed(cloud: Cloud, name: string): Promise<MetricAlarm | undefined> {
  const { DescribeAlarmsCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = await cloud.metrics();
  const { MetricAlarms = [] } = await client.send(new DescribeAlarmsCommand({ AlarmNames: [name] }));
  return MetricAlarms[0];
}

async function putRehearsal(cloud: Cloud, service: string): Promise<void> {
  const { PutMetricDataCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = await cloud.metrics();
  const datum = { MetricName: REHEARSAL, Dimensions: [{ Name: 'service', Value: service }], Value: 1 };
  await client.send(new PutMetricDataCommand({ Namespace: 'Halfmonth', MetricData: [{ ...datum, Unit: 'Count' }] }));
}

/** Who listens to a topic; undefined for a topic of somebody else, whom we may not ask. */
async function listenersOf(cloud: Cloud, TopicArn: string): Promise<Subscription[] | undefined> {
  const { ListSubscriptionsByTopicCommand } = await import('@aws-sdk/client-sns');
  const client = await cloud.topics();
  const listeners: Subscription[] = [];
  let NextToken: string | undefined;
  do {
    const command = new ListSubscriptionsByTopicCommand({ TopicArn, ...(NextToken ? { NextToken } : {}) });
    try {
      const page = await client.send(command);
      listeners.push(...(page.Subscriptions ?? []));
      NextToken = page.NextToken;
    } catch (error) {
      if (TopicArn !== cloud.outputs.AlarmTopicArn && isRefusal(error)) return undefined;
      throw error;
    }
  } while (NextToken !== undefined);
  return listeners;
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^Authorization/.test(error.name);
}

function heardBy(topics: readonly (Subscription[] | undefined)[]): Found {
  const listeners = topics.flatMap((listening) => listening ?? []);
  const isHidden = topics.some((listening) => listening === undefined);
  const pending = listeners.filter(({ SubscriptionArn }) => SubscriptionArn === PENDING);
  const confirmed = listeners.filter(({ SubscriptionArn }) => SubscriptionArn?.startsWith('arn:'));
  if (pending.length > 0) {
    const who = pending.map(({ Endpoint }) => Endpoint).join(', ');
    const words = `${who} gets none yet: follow the link in the mail "AWS Notification - Subscription Confirmation"`;
    return { state: 'problem', words };
  }
  if (confirmed.length === 0 && !isHidden) {
    return { state: 'warning', words: 'nobody gets them: set operations.alarmEmail or alarmTopicArn, and deploy' };
  }
  const others = isHidden ? ', and a topic of another account, whose listeners cannot be seen from here' : '';
  return {
    state: 'good',
    words: `reach ${plural(confirmed.length, 'listener')}${others}; try ${command('doctor')} --ring`,
  };
}

/** What came of telling the topics, by CloudWatch's own record. */
async function toldTopics(cloud: Cloud, AlarmName: string, since: Date): Promise<Found> {
  const { DescribeAlarmHistoryCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = await cloud.metrics();
  const { AlarmHistoryItems = [] } = await client.send(
    new DescribeAlarmHistoryCommand({ AlarmName, HistoryItemType: 'Action', StartDate: since, EndDate: new Date() }),
  );
  const summaries = AlarmHistoryItems.map(({ HistorySummary = '' }) => HistorySummary);
  const failed = summaries.find((summary) => !summary.startsWith('Successfully'));
  if (failed !== undefined) return { state: 'problem', words: `${AlarmName} rang and was not heard: ${failed}` };
  const after = durationWords(Date.now() - since.getTime());
  const told = summaries.length > 0 ? `told ${plural(summaries.length, 'topic')}` : 'is telling its topics';
  return { state: 'good', words: `${AlarmName} rang after ${after} and ${told}: has the mail come?` };
}
