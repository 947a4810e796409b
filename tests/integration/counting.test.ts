import {
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchCommandInput,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { SQSRecord } from 'aws-lambda';
import { createIngestion, type Ingestion } from '../../functions/wiring/counting.ts';
import type { RejectedMessage } from '../../lib/events/rejected-event.ts';
import { sendMessages } from '../../lib/queues/send-messages.ts';
import { createDynamoDbClient, type DynamoDBClient } from '../../lib/store/dynamodb-client.ts';
import { FoundationChanged } from '../../lib/store/foundation-store.ts';
import { estimatedSlicesOfMarks } from '../../lib/usage/slice-marks.ts';
import { type SqsEngine, startSqsEngine } from '../../local/engines/sqs-engine.ts';
import { consumptionEvent, consumptionEventText } from '../fixtures/consumption-events.ts';
import { readStoredUsage, scan, sqsRecord } from '../fixtures/counting.ts';
import { LOCAL_CREDENTIALS, startTestTables, type TestTables } from '../fixtures/tables.ts';

const REGION = 'eu-central-1';
const MINUTE = 60_000;
const PLENTY_OF_TIME = 60_000;

let tables: TestTables;
let queues: SqsEngine;
let sqs: SQSClient;
let rejectedQueueUrl: string;
let eventsQueueUrl: string;
let deadLettersUrl: string;
let written: string[] = [];

beforeEach(async () => {
  await stopEngines();
  tables = await startTestTables();
  queues = await startSqsEngine({ region: REGION });
  rejectedQueueUrl = queueNamed('rejected');
  deadLettersUrl = queueNamed('dead-letters');
  const redrive = { deadLetterTargetArn: queueArn('dead-letters'), maxReceiveCount: 12 };
  eventsQueueUrl = queueNamed('events', { VisibilityTimeout: '300', RedrivePolicy: JSON.stringify(redrive) });
  sqs = new SQSClient({ endpoint: queues.endpoint, region: REGION, credentials: LOCAL_CREDENTIALS });
  written = [];
  // Otherwise Powertools writes past the console that a test can listen to.
  process.env.POWERTOOLS_DEV = 'true';
  process.env.POWERTOOLS_METRICS_DISABLED = 'false';
  process.env.POWERTOOLS_METRICS_NAMESPACE = 'Halfmonth';
  jest.spyOn(console, 'log').mockImplementation((line) => void written.push(String(line)));
  jest.spyOn(console, 'error').mockImplementation((line) => void written.push(String(line)));
});

afterAll(stopEngines);

async function stopEngines(): Promise<void> {
  sqs?.destroy();
  await queues?.stop();
  await tables?.stop();
}

const queueArn = (name: string) => `arn:aws:sqs:${REGION}:000000000000:${name}`;

function queueNamed(name: string, attributes: Record<string, string> = {}): string {
  queues.ensureQueue({ name, arn: queueArn(name), attributes });
  return `${queues.endpoint}/000000000000/${name}`;
}

const tablesClient = () =>
  createDynamoDbClient({ endpoint: tables.endpoint, region: REGION, credentials: LOCAL_CREDENTIALS });

function ingestion(
  changes: { SLICE_MINUTES?: string; BILLING_TIME_ZONE?: string } = {},
  client = tablesClient(),
  queue = sqs,
): Ingestion {
  return createIngestion(
    {
      BILLING_TIME_ZONE: 'UTC',
      SLICE_MINUTES: '5',
      EVENT_MAX_AGE_DAYS: '45',
      WRITE_CONCURRENCY: '16',
      USAGE_SLICES_TABLE: tables.usageSlices,
      DAILY_RECORDS_TABLE: tables.dailyRecords,
      RUNS_TABLE: tables.runs,
      REJECTED_QUEUE_URL: rejectedQueueUrl,
      EVENTS_QUEUE_URL: eventsQueueUrl,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      ...changes,
    },
    client,
    queue,
  );
}

async function receiveRejected(): Promise<RejectedMessage[]> {
  const received: RejectedMessage[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: rejectedQueueUrl, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) return received;
    received.push(...Messages.map(({ Body = '' }) => JSON.parse(Body) as RejectedMessage)); // what the queue carries
  }
}

const recently = () => new Date(Date.now() - 2 * MINUTE).toISOString();

test('single events, arrays, repeats and bad elements mix freely', async () => {
  const time = recently();
  const event = consumptionEventText({ time, quantity: '0.1' });
  const array = [
    consumptionEvent({ time, quantity: 0.2 }),
    consumptionEvent({ time, quantity: 'x' }),
    JSON.parse(event),
  ];
  const records = [
    event,
    JSON.stringify(array),
    event,
    '{"specversion":',
    consumptionEventText({ time, subject: 'b' }),
  ].map((body) => sqsRecord(body));

  const answer = await ingestion().handle(records, PLENTY_OF_TIME);

  expect(answer).toEqual({ batchItemFailures: [] });
  const usage = await readStoredUsage(tables.client, tables.usageSlices);
  expect(usage.totals).toEqual({ 'client-1': { api_calls: '0.3' }, b: { api_calls: '1' } });
  expect(usage.events).toBe(3);
  expect(await receiveRejected()).toEqual(
    expect.arrayContaining([
      {
        rejectionId: expect.stringMatching(/^[0-9a-f]{32}$/),
        reason: 'INVALID_QUANTITY',
        message: expect.stringContaining('quantity'),
        body: JSON.stringify(array[1]),
        index: 1,
        receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        messageId: records[1]?.messageId,
      },
      expect.objectContaining({ reason: 'NOT_JSON', body: '{"specversion":', messageId: records[3]?.messageId }),
    ]),
  );
});

test('what is delivered again, to this instance or a new one, changes nothing, and is rejected under the same id', async () => {
  const records = [consumptionEventText({ time: recently() }), '[1]'].map((body) => sqsRecord(body));
  const first = ingestion();
  await first.handle(records, PLENTY_OF_TIME);
  const before = await scan(tables.client, tables.usageSlices);

  await first.handle(records, PLENTY_OF_TIME);
  await ingestion().handle(records, PLENTY_OF_TIME);

  expect(await scan(tables.client, tables.usageSlices)).toEqual(before);
  const rejected = await receiveRejected();
  expect(rejected).toHaveLength(3);
  expect(new Set(rejected.map(({ rejectionId }) => rejectionId)).size).toBe(1);
});

test('the daily record is there with the first event, and says how many slices there may be', async () => {
  await ingestion().handle([sqsRecord(consumptionEventText({ time: recently() }))], PLENTY_OF_TIME);

  const [record = {}] = await scan(tables.client, tables.dailyRecords);
  expect(record).toMatchObject({ clientId: { S: 'client-1' }, day: { S: recently().slice(0, 10) } });
  expect(estimatedSlicesOfMarks((record.sliceMarks?.NS ?? []).map(Number), 5)).toBe(8);
});

test('5,000 meters of one client in one batch are all counted', async () => {
  const time = recently();
  const meters = Array.from(
    { length: 5_000 },
    (_, number) => `meter-with-a-rather-long-name-that-fills-the-item-${number}`,
  );
  const events = meters.map((meter) => consumptionEvent({ time, meter, quantity: '1.5' }));
  const records = [0, 1, 2, 3, 4].map((part) =>
    sqsRecord(JSON.stringify(events.slice(part * 1_000, (part + 1) * 1_000))),
  );

  const answer = await ingestion().handle(records, PLENTY_OF_TIME);

  expect(answer.batchItemFailures).toEqual([]);
  const { totals, events: counted, pages } = await readStoredUsage(tables.client, tables.usageSlices);
  expect(totals['client-1']).toEqual(Object.fromEntries(meters.map((meter) => [meter, '1.5'])));
  expect(counted).toBe(5_000);
  expect(pages).toBeGreaterThan(1);
});

test('a rejected message of 1 MiB reaches the queue whole, in parts that say so', async () => {
  const body = `"${'ü\\"\t😀'.repeat(120_000)}`;
  expect(Buffer.byteLength(body)).toBeGreaterThan(1_000_000);

  await ingestion().handle([sqsRecord(body)], PLENTY_OF_TIME);

  const parts = (await receiveRejected()).sort((one, other) => (one.part?.number ?? 0) - (other.part?.number ?? 0));
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.every(({ part }) => part?.of === parts.length)).toBe(true);
  expect(new Set(parts.map(({ rejectionId }) => rejectionId)).size).toBe(1);
  expect(parts.map((part) => part.body).join('')).toBe(body);
});

test('a character that the queue refuses does not keep a rejection from it', async () => {
  const body = JSON.stringify([consumptionEvent({ subject: '\uffff\ufffe' })])
    .replaceAll('\uffff', '\\uffff')
    .replaceAll('\ufffe', '\\ufffe');

  const answer = await ingestion().handle([sqsRecord(body)], PLENTY_OF_TIME);

  expect(answer.batchItemFailures).toEqual([]);
  expect(await receiveRejected()).toMatchObject([{ reason: 'INVALID_CLIENT_ID', index: 0 }]);
});

test('a rejection that cannot be sent fails its own message only', async () => {
  const records = [consumptionEventText({ time: recently() }), 'not JSON'].map((body) => sqsRecord(body));
  rejectedQueueUrl = `${queues.endpoint}/000000000000/no-such-queue`;

  const answer = await ingestion().handle(records, PLENTY_OF_TIME);

  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: records[1]?.messageId }] });
  expect((await readStoredUsage(tables.client, tables.usageSlices)).events).toBe(1);
});

test('without time left, messages fail instead of being half done', async () => {
  const records = [sqsRecord(consumptionEventText({ time: recently() }))];

  const answer = await ingestion().handle(records, 0);

  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: records[0]?.messageId }] });
  expect((await readStoredUsage(tables.client, tables.usageSlices)).events).toBe(0);
});

test('counting refuses other slices or another time zone than it began with', async () => {
  const records = [sqsRecord(consumptionEventText({ time: recently() }))];
  await ingestion().handle(records, PLENTY_OF_TIME);

  await expect(ingestion({ SLICE_MINUTES: '10' }).handle(records, PLENTY_OF_TIME)).rejects.toThrow(FoundationChanged);
  await expect(ingestion({ BILLING_TIME_ZONE: 'Europe/Rome' }).handle(records, PLENTY_OF_TIME)).rejects.toThrow(
    'set them back',
  );
});

test('metrics tell what a batch came to, and no log line holds what events say', async () => {
  const secret = 'very-secret-client';
  const event = consumptionEventText({ time: recently(), subject: secret });

  await ingestion().handle([sqsRecord(event), sqsRecord(event), sqsRecord(`["${secret}"]`)], PLENTY_OF_TIME);

  const metrics = written.flatMap((line) => (line.includes('_aws') ? [JSON.parse(line)] : []));
  expect(metrics[0]).toMatchObject({
    EventsCounted: 1,
    EventsDuplicate: 1,
    EventsRejected: 1,
    EventsLate: 0,
    CountingConflicts: 0,
    OldestEventAge: expect.any(Number),
  });
  // The page, the daily record with its index entry, the foundation, the control total before and after.
  expect(metrics[0].CountingWriteUnits).toBe(6);
  expect(metrics[1]).toMatchObject({ reason: 'NOT_AN_OBJECT', EventsRejectedByReason: 1 });
  expect(written.join('\n')).not.toContain(secret);
});

test('a meter that an object could not hold is rejected with the reason, and nothing of it is counted', async () => {
  const time = recently();
  // JSON.parse makes it the member that it says; the SDK would drop it from the totals.
  const records = ['__proto__', 'constructor'].map((meter) => sqsRecord(consumptionEventText({ time, meter })));

  const answer = await ingestion().handle(records, PLENTY_OF_TIME);

  expect(answer.batchItemFailures).toEqual([]);
  expect((await readStoredUsage(tables.client, tables.usageSlices)).events).toBe(0);
  const rejected = await receiveRejected();
  expect(rejected.map(({ reason }) => reason)).toEqual(['INVALID_METER', 'INVALID_METER']);
  expect(rejected[0]?.message).toContain('__proto__ nor constructor');
});

test('clients and meters named as what objects inherit are counted like any other', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const time = recently();
  const events = names.map((subject) => consumptionEvent({ time, subject, meter: 'toString', quantity: '2' }));

  const answer = await ingestion().handle([sqsRecord(JSON.stringify(events))], PLENTY_OF_TIME);

  expect(answer.batchItemFailures).toEqual([]);
  const { totals } = await readStoredUsage(tables.client, tables.usageSlices);
  expect(new Map(Object.entries(totals))).toEqual(new Map(names.map((name) => [name, { toString: '2' }])));
});

describe('messages that fail beside others which are counted', () => {
  /** The queue as it is, but for how many messages it says to be in flight; and what visibility is changed. */
  const crowdedQueue = (inFlight: number) => {
    const client = new SQSClient({ endpoint: queues.endpoint, region: REGION, credentials: LOCAL_CREDENTIALS });
    const changed: unknown[] = [];
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next(args);
          const output = answer.output as { Attributes?: Record<string, string>; Successful?: unknown[] };
          if (output.Attributes) output.Attributes.ApproximateNumberOfMessagesNotVisible = String(inFlight);
          if (commandName === 'ChangeMessageVisibilityBatchCommand') {
            const { Entries = [] } = args.input as ChangeMessageVisibilityBatchCommandInput;
            changed.push(...Entries);
            expect(output.Successful).toHaveLength(Entries.length);
          }
          return answer;
        },
      { step: 'initialize' },
    );
    return { client, changed };
  };

  /** Counts a batch of events, of which those of the client `unwell` cannot be written. */
  const countWithFailures = async (clients: string[], inFlight: number) => {
    const time = recently();
    const bodies = clients.map((subject) => consumptionEventText({ time, subject }));
    await sendMessages(sqs, eventsQueueUrl, bodies, () => {});
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: eventsQueueUrl, MaxNumberOfMessages: 10, AttributeNames: ['All'] }),
    );
    const failing = tablesClient();
    failing.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          const fails = commandName === 'UpdateItemCommand' && JSON.stringify(args.input).includes('unwell');
          return fails ? Promise.reject(new Error('unwell')) : next(args);
        },
      { step: 'initialize' },
    );
    const { client, changed } = crowdedQueue(inFlight);
    await ingestion({}, failing, client).handle(Messages.map(recordOf), PLENTY_OF_TIME);
    client.destroy();
    const handles = Messages.filter(({ Body }) => Body?.includes('unwell')).map(({ ReceiptHandle }) => ReceiptHandle);
    return { changed, handles };
  };

  test('come back soon where so many are in flight that SQS would hand out no more', async () => {
    const { changed, handles } = await countWithFailures(['ada', 'unwell-1', 'unwell-2'], 60_000);

    expect(changed).toEqual(
      handles.map((ReceiptHandle) => expect.objectContaining({ ReceiptHandle, VisibilityTimeout: 60 })),
    );
  });

  test.each([
    ['few are in flight', ['ada', 'unwell-1'], 59_999],
    ['nothing could be counted, as in an outage', ['unwell-1', 'unwell-2'], 100_000],
  ])('come back when their visibility ends where %s', async (_, clients, inFlight) => {
    expect((await countWithFailures(clients, inFlight)).changed).toEqual([]);
  });
});

describe('a message that ends every invocation in which it is counted', () => {
  /** A client of which any write of that usage never comes back: the invocation has timed out. */
  const clientThatDiesOf = (clientId: string): { client: DynamoDBClient; death: Promise<'dead'> } => {
    const client = tablesClient();
    let die: (value: 'dead') => void = () => {};
    const death = new Promise<'dead'>((resolve) => {
      die = resolve;
    });
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          if (commandName !== 'UpdateItemCommand' || !JSON.stringify(args.input).includes(clientId)) return next(args);
          die('dead');
          return new Promise(() => {});
        },
      { step: 'initialize' },
    );
    return { client, death };
  };

  const receiveAll = async (url: string): Promise<Message[]> => {
    const received: Message[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, AttributeNames: ['All'] }),
      );
      if (Messages.length === 0) return received;
      received.push(...Messages);
    }
  };

  const inTens = <Item>(items: readonly Item[]): Item[][] =>
    Array.from({ length: Math.ceil(items.length / 10) }, (_, index) => items.slice(index * 10, index * 10 + 10));

  /** Everything on the queue as one batch, and then what the event source does about it. */
  const deliver = async (): Promise<number> => {
    const messages = await receiveAll(eventsQueueUrl);
    const { client, death } = clientThatDiesOf('poison');
    const outcome = await Promise.race([ingestion({}, client).handle(messages.map(recordOf), PLENTY_OF_TIME), death]);
    for (const ten of inTens(messages)) {
      const entries = ten.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await sqs.send(
        outcome === 'dead'
          ? new ChangeMessageVisibilityBatchCommand({
              QueueUrl: eventsQueueUrl,
              Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: 0 })),
            })
          : new DeleteMessageBatchCommand({ QueueUrl: eventsQueueUrl, Entries: entries }),
      );
    }
    return messages.length;
  };

  test('goes to the dead letters alone, even two of one batch, and all that came beside them is counted', async () => {
    const time = recently();
    const good = Array.from({ length: 80 }, (_, index) => consumptionEventText({ time, subject: `good-${index}` }));
    const poison = ['poison-1', 'poison-2'].map((subject) => consumptionEventText({ time, subject }));
    await sendMessages(sqs, eventsQueueUrl, [...good, ...poison], () => {});

    while ((await deliver()) > 0);

    const dead = await receiveAll(deadLettersUrl);
    expect(dead.map(({ Body = '' }) => Body).sort()).toEqual(poison.sort());
    expect((await readStoredUsage(tables.client, tables.usageSlices)).events).toBe(80);
  });
});

function recordOf({ MessageId = '', ReceiptHandle = '', Body = '', Attributes = {} }: Message): SQSRecord {
  const record = sqsRecord(Body);
  const attributes = { ...record.attributes, ...Attributes };
  return { ...record, messageId: MessageId, receiptHandle: ReceiptHandle, attributes };
}
