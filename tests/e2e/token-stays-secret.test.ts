import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { lastEndedPeriod } from '../../lib/periods/periods.ts';
import { sendMessages } from '../../lib/queues/send-messages.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud/local-cloud.ts';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../../local/packaging/package-service.ts';
import { invoiceApiEnvironment, TOKEN_PARAMETER } from '../../local/start/invoice-api-environment.ts';
import { untilDrained } from '../../local/start/queue-drained.ts';
import { consumptionEvent } from '../fixtures/consumption-events.ts';
import { until } from '../fixtures/until.ts';

const TOKEN = 'a-token-that-nobody-may-read-7f3a91';
const TABLES = ['UsageSlicesTableName', 'DailyRecordsTableName', 'PackagesTableName', 'RunsTableName'];
const period = lastEndedPeriod(Date.now(), new BillingCalendar('UTC', 5));

/** Everything that somebody could read after the runs, by where it is read. */
const seen: Record<string, string> = { logs: '', busEvents: '', awsCalls: '' };
const runs: { status: string | undefined; cause: string | undefined }[] = [];
let cloud: LocalCloud;
let api: InvoiceApiSimulator;

beforeAll(async () => {
  const packageFolder = await packageService({ stage: 'local' });
  const choice = { kind: 'simulator', profile: 'demo', seed: 3 } as const;
  api = await startInvoiceApiSimulator({ profile: 'demo', seed: 3, token: TOKEN });
  cloud = await startLocalCloud({
    packageFolder,
    environmentOverrides: invoiceApiEnvironment(api.url, { invoiceApi: choice }),
    parameters: { [TOKEN_PARAMETER]: TOKEN },
    observer: {
      onLog: ({ line }) => {
        seen.logs += `${line}\n`;
      },
      onBusEvent: (event) => {
        seen.busEvents += JSON.stringify(event);
      },
      onAwsCall: ({ input }) => {
        seen.awsCalls += JSON.stringify(input);
      },
    },
  });
  await runTwice(cloud);
  seen.package = readdirSync(packageFolder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => readFileSync(join(packageFolder, file), 'utf8'))
    .join('\n');
  seen.tables = await textOfTables(cloud);
}, 180_000);

afterAll(async () => {
  await cloud?.stop();
  await api?.stop();
});

/** One run that is let in, then one whose token the API has stopped to accept. */
async function runTwice({ endpoints, outputs, region, credentials }: LocalCloud): Promise<void> {
  const access = { region, credentials };
  const sqs = new SQSClient({ ...access, endpoint: endpoints.sqs });
  const sfn = new SFNClient({ ...access, endpoint: endpoints.stepFunctions });
  const queueUrl = String(outputs.EventsQueueUrl);
  const signal = AbortSignal.timeout(150_000);
  try {
    for (const day of [period.from, period.to]) {
      const event = JSON.stringify(consumptionEvent({ time: `${day}T12:00:00Z` }));
      await sendMessages(sqs, queueUrl, [event], () => {}, signal);
      await untilDrained(sqs, queueUrl, () => {}, signal);
      const { executionArn } = await sfn.send(
        new StartExecutionCommand({
          stateMachineArn: String(outputs.BillingPeriodStateMachineArn),
          input: JSON.stringify({ period: period.id }),
        }),
      );
      const ended = await until(
        'the run to end',
        async () => {
          const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
          return execution.status === 'RUNNING' ? undefined : execution;
        },
        90,
      );
      const history = await sfn.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
      seen.executions = `${seen.executions ?? ''}${JSON.stringify(ended)}${JSON.stringify(history)}`;
      runs.push({ status: ended.status, cause: ended.cause });
      api.setToken('another-token-of-the-api');
    }
  } finally {
    sqs.destroy();
    sfn.destroy();
  }
}

async function textOfTables({ endpoints, outputs, region, credentials }: LocalCloud): Promise<string> {
  const client = new DynamoDBClient({ region, credentials, endpoint: endpoints.dynamodb });
  try {
    const pages = await Promise.all(
      TABLES.map((table) => client.send(new ScanCommand({ TableName: String(outputs[table]) }))),
    );
    expect(pages.every(({ LastEvaluatedKey }) => LastEvaluatedKey === undefined)).toBe(true);
    return JSON.stringify(pages.map(({ Items }) => Items));
  } finally {
    client.destroy();
  }
}

describe("the invoice API's token", () => {
  test('lets a run in, and stops the next one with a clear error when the API no longer accepts it', () => {
    expect(runs.map(({ status }) => status)).toEqual(['SUCCEEDED', 'FAILED']);
    expect(runs[1]?.cause).toMatch(/40[13]/);
  });

  test.each(['logs', 'busEvents', 'awsCalls', 'package', 'tables', 'executions'])(
    'is in none of what can be read: %s',
    (place) => {
      expect(seen[place]?.length).toBeGreaterThan(100);
      expect(seen[place]).not.toContain(TOKEN);
      expect(seen[place]).not.toContain(Buffer.from(TOKEN).toString('base64'));
    },
  );
});
