import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterEach, expect, test } from '@jest/globals';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import type { ObservedBatch } from '../../../local/cloud/observer.ts';
import { writeServicePackage } from '../../fixtures/service-package.ts';
import { until } from '../../fixtures/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Running {
  cloud: LocalCloud;
  sqs: SQSClient;
  queueUrl: string;
  deadLettersUrl: string;
  batches: ObservedBatch[];
  lines: string[];
}

async function startWith(
  source: string,
  mapping: Record<string, unknown>,
  options: Partial<LocalCloudOptions> & { visibilityTimeout?: number; timeout?: number } = {},
): Promise<Running> {
  const { visibilityTimeout = 2, timeout = 20, ...cloudOptions } = options;
  const service = writeServicePackage({
    functions: { count: { source, properties: { Timeout: timeout } } },
    resources: {
      Events: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: 'events',
          VisibilityTimeout: visibilityTimeout,
          RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] }, maxReceiveCount: 2 },
        },
      },
      DeadLetters: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'dead-letters' } },
      Mapping: {
        Type: 'AWS::Lambda::EventSourceMapping',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Events', 'Arn'] },
          FunctionName: { 'Fn::GetAtt': ['countFunction', 'Arn'] },
          FunctionResponseTypes: ['ReportBatchItemFailures'],
          ...mapping,
        },
      },
    },
    outputs: { EventsUrl: { Value: { Ref: 'Events' } }, DeadLettersUrl: { Value: { Ref: 'DeadLetters' } } },
  });
  cleanups.push(service.remove);
  const batches: ObservedBatch[] = [];
  const lines: string[] = [];
  const cloud = await startLocalCloud({
    packageFolder: service.folder,
    observer: { onBatch: (batch) => batches.push(batch), onLog: ({ line }) => lines.push(line) },
    ...cloudOptions,
  });
  cleanups.push(cloud.stop);
  const sqs = new SQSClient({
    endpoint: cloud.endpoints.sqs,
    region: cloud.region,
    credentials: cloud.credentials,
  });
  cleanups.push(() => sqs.destroy());
  const { EventsUrl: queueUrl = '', DeadLettersUrl: deadLettersUrl = '' } = cloud.outputs;
  return { cloud, sqs, queueUrl, deadLettersUrl, batches, lines };
}

function send({ sqs, queueUrl }: Running, body: string) {
  return sqs.send(
    new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: body,
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'test' } },
    }),
  );
}

async function messagesIn({ sqs }: Running, queueUrl: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
}

const emptied = (running: Running) =>
  until('an empty queue', async () => ((await messagesIn(running, running.queueUrl)) === 0 ? true : undefined));

test('a function gets a message as Lambda would hand it over', async () => {
  const running = await startWith('export const handler = async (event) => { console.log(JSON.stringify(event)); };', {
    BatchSize: 10,
  });

  const sent = await send(running, 'hello');
  await emptied(running);

  const event = JSON.parse(await until('the log line', () => running.lines[0]));
  expect(event).toEqual({
    Records: [
      {
        messageId: sent.MessageId,
        receiptHandle: expect.any(String),
        body: 'hello',
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: '000000000000',
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
        },
        messageAttributes: {
          kind: { stringValue: 'test', stringListValues: [], binaryListValues: [], dataType: 'String' },
        },
        md5OfBody: '5d41402abc4b2a76b9719d911017c592',
        md5OfMessageAttributes: sent.MD5OfMessageAttributes,
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:events',
        awsRegion: 'eu-central-1',
      },
    ],
  });
});

test('only the messages that a function reports come again, and go to the dead-letter queue in the end', async () => {
  const running = await startWith(
    `export const handler = async ({ Records }) => ({
      batchItemFailures: Records.filter(({ body }) => body === 'bad').map(({ messageId }) => ({ itemIdentifier: messageId })),
    });`,
    { BatchSize: 10, MaximumBatchingWindowInSeconds: 1 },
  );

  await Promise.all(['good', 'bad', 'fine'].map((body) => send(running, body)));
  await emptied(running);

  const { Messages } = await running.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: running.deadLettersUrl, MaxNumberOfMessages: 10 }),
  );
  expect(Messages?.map(({ Body }) => Body)).toEqual(['bad']);
  expect(running.batches.map(({ messages, failed }) => [messages, failed])).toEqual([
    [3, 1],
    [1, 1],
  ]);
});

test('a function that throws fails its whole batch', async () => {
  const running = await startWith(`export const handler = async () => { throw new TypeError('no'); };`, {
    BatchSize: 10,
    MaximumBatchingWindowInSeconds: 1,
  });

  await Promise.all(['a', 'b'].map((body) => send(running, body)));
  await emptied(running);

  expect(await messagesIn(running, running.deadLettersUrl)).toBe(2);
  expect(running.batches.at(0)).toMatchObject({ messages: 2, failed: 2, reason: 'TypeError: no' });
});

test('a function that runs out of time is killed, and its messages come again to a new one', async () => {
  const running = await startWith(
    `export const handler = async ({ Records: [record] }) => {
      if (record.attributes.ApproximateReceiveCount === '1') for (;;) {}
    };`,
    { BatchSize: 1 },
    { timeout: 1 },
  );

  await send(running, 'slow');
  await emptied(running);

  expect(running.batches).toMatchObject([
    { failed: 1, reason: expect.stringMatching(/^Sandbox.Timedout: .*Task timed out after 1.00 seconds$/) },
    { failed: 0 },
  ]);
});

test('batches are as large as size, window and the payload limit of 6 MB allow', async () => {
  const running = await startWith(
    `export const handler = async ({ Records }) => {};`,
    { BatchSize: 10_000, MaximumBatchingWindowInSeconds: 2 },
    { visibilityTimeout: 60 },
  );
  const body = 'x'.repeat(100_000);

  const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: String(index), MessageBody: body }));
  for (let request = 0; request < 7; request += 1) {
    await running.sqs.send(new SendMessageBatchCommand({ QueueUrl: running.queueUrl, Entries }));
  }
  await emptied(running);

  const sizes = running.batches.map(({ messages }) => messages);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(70);
  expect(sizes.at(0)).toBe(62); // 62 records of 100 kB and their envelopes are 6.26 MB, 63 are over 6 MiB
});

test('no more invocations at once than the mapping allows', async () => {
  const running = await startWith(
    `import { setTimeout } from 'node:timers/promises';
     export const handler = async ({ Records }) => { console.log('start'); await setTimeout(200); console.log('end'); };`,
    { BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } },
    { visibilityTimeout: 60 },
  );

  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((body) => send(running, body)));
  await emptied(running);
  await until('all lines', () => (running.lines.length === 12 ? true : undefined));

  let atOnce = 0;
  let most = 0;
  for (const line of running.lines) {
    atOnce += line === 'start' ? 1 : -1;
    most = Math.max(most, atOnce);
  }
  expect(most).toBe(2);
});

test('with a data folder, messages survive a restart, also those that a killed function had in hand', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'halfmonth-test-data-'));
  cleanups.push(() => rmSync(dataFolder, { recursive: true, force: true }));
  const stuck = `export const handler = async () => { console.log('in hand'); await new Promise(() => setInterval(() => {}, 1000)); };`;
  const before = await startWith(stuck, { BatchSize: 1 }, { dataFolder, visibilityTimeout: 600 });
  await send(before, 'precious');
  await until('the message in hand', () => before.lines.find((line) => line === 'in hand'));
  await before.cloud.stop();

  const after = await startWith(
    'export const handler = async ({ Records }) => { console.log(Records[0].body); };',
    { BatchSize: 1 },
    { dataFolder, visibilityTimeout: 600 },
  );

  expect(await until('the message', () => after.lines[0])).toBe('precious');
  await emptied(after);
  await after.cloud.stop();
  expect(readFileSync(join(dataFolder, 'logs', 'count.log'), 'utf8')).toMatch(/Z in hand\n.*Z precious\n$/);
});
