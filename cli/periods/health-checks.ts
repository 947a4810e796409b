import { DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { lastEndedPeriod } from '../../lib/periods/periods.ts';
import { turnIdOfCommand } from '../../lib/quota/turn-ids.ts';
import type { TurnUnderWay } from '../../lib/sending/turns.ts';
import { inTurnAfterWaiting } from '../../lib/sending/turns.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { FOUNDATION_KEY } from '../../lib/store/keys.ts';
import type { Cloud } from '../connection/cloud.ts';
import { turnTaker, turnWaitWords } from '../invoice-api/api-turns.ts';
import { command } from '../terminal/next-command.ts';
import { durationWords, plural } from '../terminal/words.ts';
import { alarms } from './alarm-checks.ts';
import type { Health } from './health.ts';
import { openPeriods } from './open-periods.ts';

type Check = (cloud: Cloud) => Promise<Omit<Health, 'check'>>;

const CLOCK_WARNING_MILLISECONDS = 2_000;
/** So long `doctor` waits for room in the quota of the invoice API. */
const LONGEST_WAIT_FOR_QUOTA_MILLISECONDS = 5_000;

/** Each by itself: one that fails does not hide the others. */
export const CHECKS: Record<string, Check> = {
  'rejected packages': rejectedPackages,
  configuration,
  'tables can be read': tablesCanBeRead,
  'state machine': stateMachine,
  'event queue': (cloud) => queueDepth(cloud, cloud.outputs.EventsQueueUrl, 'wait to be counted', 'good'),
  'dead letters': (cloud) =>
    queueDepth(cloud, cloud.outputs.EventsDeadLetterQueueUrl, 'could not be counted', 'problem'),
  'rejected events': (cloud) => queueDepth(cloud, cloud.outputs.RejectedQueueUrl, 'rejected', 'problem'),
  'invoice API': invoiceApi,
  alarms,
  clocks,
  'schema versions': schemaVersions,
};

/** First of all: everything else may be in order, and money is missing. */
async function rejectedPackages(cloud: Cloud) {
  const rejected = (await openPeriods(cloud)).filter(({ packagesRejected }) => packagesRejected > 0);
  if (rejected.length === 0) return { state: 'good', words: 'none in the periods of the last year' } as const;
  const words = rejected.map(({ period, packagesRejected }) => `${packagesRejected} of ${period.id}`).join(', ');
  const next = `${command('packages')} ${rejected[0]?.period.id} --status rejected`;
  return { state: 'problem', words: `${words}: nobody is billed for that usage; see ${next}` } as const;
}

async function configuration({ outputs, calendar, quota, target }: Cloud) {
  const windows = Object.values(quota).flat().length;
  const zone = `${calendar.timeZone}, slices of ${calendar.sliceMinutes} min, ${plural(windows, 'quota window')}`;
  const here = await hashHere(target.name);
  if (here !== undefined && here !== outputs.ConfigurationHash) {
    return { state: 'warning', words: `${zone}; config/${target.name}.yml here is not what is deployed` } as const;
  }
  return { state: 'good', words: zone } as const;
}

/** The hash of the settings in this working copy, where there is one. */
async function hashHere(stage: string): Promise<string | undefined> {
  try {
    const { readSettings, derivedFrom } = await import('../../config/settings.ts');
    return derivedFrom(readSettings(stage)).configurationHash;
  } catch {
    // A published command line has no settings beside it.
    return undefined;
  }
}

async function tablesCanBeRead({ documents, outputs }: Cloud) {
  const { UsageSlicesTableName, DailyRecordsTableName, PackagesTableName, RunsTableName } = outputs;
  for (const TableName of [UsageSlicesTableName, DailyRecordsTableName, PackagesTableName, RunsTableName]) {
    await documents.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': 'doctor' },
        Limit: 1,
      }),
    );
  }
  return { state: 'good', words: 'all four' } as const;
}

async function stateMachine(cloud: Cloud) {
  const client = await cloud.stepFunctions();
  const stateMachineArn = cloud.outputs.BillingPeriodStateMachineArn;
  const { name, status } = await client.send(new DescribeStateMachineCommand({ stateMachineArn }));
  return {
    state: status === undefined || status === 'ACTIVE' ? 'good' : 'problem',
    words: `${name} is ${(status ?? 'ACTIVE').toLowerCase()}`,
  } as const;
}

async function queueDepth(cloud: Cloud, QueueUrl: string, what: string, whenAny: Health['state']) {
  const client = await cloud.queues();
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  const waiting = Number(Attributes.ApproximateNumberOfMessages ?? 0);
  const inHand = Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0);
  const state = waiting + inHand > 0 ? whenAny : 'good';
  const next =
    state === 'warning' ? `; see ${command('rejected')}` : state === 'problem' ? '; see docs/runbook.md' : '';
  return { state, words: `about ${waiting} messages ${what}, ${inHand} in hand${next}` };
}

/**
 * A listing changes nothing at the API; it costs one status read of the quota, so it waits its turn, if not for long.
 */
async function invoiceApi(cloud: Cloud) {
  const adapter = await cloud.adapter();
  if (adapter && !adapter.list) {
    const words = `${cloud.outputs.InvoiceApiUrl}: not asked, since this API has no listing that doctor could ask for`;
    return { state: 'good', words } as const;
  }
  const api = await cloud.invoiceApi();
  try {
    const { id } = lastEndedPeriod(Date.now(), cloud.calendar);
    const request = { id: turnIdOfCommand('doctor'), kind: 'status', requests: 1 } as const;
    const latest = Date.now() + LONGEST_WAIT_FOR_QUOTA_MILLISECONDS;
    const list = async ({ pacer, health }: TurnUnderWay) => {
      const departure = await pacer.next();
      if (typeof departure === 'string') return undefined;
      const outcome = await api.listPeriod(id);
      departure.answered();
      health.heard(outcome);
      return outcome;
    };
    const answer = await inTurnAfterWaiting(await turnTaker(cloud), request, list, ({ until }) => until <= latest);
    if ('gaveUp' in answer) return { state: 'warning', words: `not asked: ${turnWaitWords(answer.gaveUp)}` } as const;
    const outcome = answer.result;
    if (!outcome) return { state: 'warning', words: 'not asked: the quota of the invoice API is in use.' } as const;
    const latency = Math.round(outcome.exchange.latencyMilliseconds);
    const where = cloud.outputs.InvoiceApiUrl;
    if (outcome.kind === 'listed') return { state: 'good', words: `${where} answers in ${latency} ms` } as const;
    const state = outcome.kind === 'throttled' ? 'warning' : 'problem';
    return { state, words: `${where}: ${outcome.kind}, ${outcome.reason}` } as const;
  } finally {
    api.close();
  }
}

/** Against the clock of DynamoDB, which every worker's conditional writes go to. */
async function clocks(cloud: Cloud) {
  const { date, before, after } = await dateOfDynamoDb(cloud);
  if (!date) return { state: 'good', words: 'the same machine' } as const;
  // The header has whole seconds: half of one is the best guess.
  const difference = Math.abs(Date.parse(date) + 500 - (before + after) / 2);
  const isGood = difference <= CLOCK_WARNING_MILLISECONDS;
  return {
    state: isGood ? 'good' : 'warning',
    words: `${isGood ? 'within' : 'apart by'} ${durationWords(isGood ? CLOCK_WARNING_MILLISECONDS : difference)}`,
  } as const;
}

/** What DynamoDB says the time is (RFC 9110, `Date`), and when it was asked. */
async function dateOfDynamoDb({ documents, outputs }: Cloud) {
  const command = new QueryCommand({
    TableName: outputs.RunsTableName,
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': 'doctor' },
    Limit: 1,
  });
  let date: string | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      // An HttpResponse, as every client over HTTP has it.
      date = (result.response as { headers: Record<string, string> }).headers.date;
      return result;
    },
    { step: 'deserialize', name: 'readDate', override: true },
  );
  const before = Date.now();
  await documents.send(command);
  return { date, before, after: Date.now() };
}

async function schemaVersions(cloud: Cloud) {
  const { documents, tables, calendar } = cloud;
  const { Items = [] } = await documents.send(
    new QueryCommand({
      TableName: tables.runs,
      KeyConditionExpression: 'pk = :pk AND sk = :sk',
      ExpressionAttributeValues: { ':pk': FOUNDATION_KEY.pk, ':sk': FOUNDATION_KEY.sk },
    }),
  );
  const [foundation] = Items;
  const period = lastEndedPeriod(Date.now(), calendar);
  // Reading it checks its version.
  const [certificate] = await new CertificateStore(tables).list(period.id, 1);
  const certified = certificate ? `, certificates of version ${certificate.schemaVersion}` : '';
  if (!foundation) return { state: 'good', words: `nothing has been counted yet${certified}` } as const;
  const { billingTimeZone: timeZone } = foundation;
  const sliceMinutes = foundation.shortSliceMinutes ?? foundation.sliceMinutes;
  if (timeZone !== calendar.timeZone || sliceMinutes !== calendar.sliceMinutes) {
    const words = `counted in ${timeZone} with slices of ${sliceMinutes} min, but deployed with ${calendar.timeZone} and ${calendar.sliceMinutes} min: deploy the settings that were counted with`;
    return { state: 'problem', words } as const;
  }
  return { state: 'good', words: `counted in ${timeZone} with slices of ${sliceMinutes} min${certified}` } as const;
}
