import { type ReceiveMessageCommandInput, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { run as rejected } from '../../../cli/commands/rejected.ts';
import type { Cloud, PlannedIntervention } from '../../../cli/connection/cloud.ts';
import type { Context } from '../../../cli/connection/context.ts';
import { giveBack, takeRejected } from '../../../cli/events/rejected-messages.ts';
import { type SqsEngine, startSqsEngine } from '../../../local/engines/sqs-engine.ts';
import { LOCAL_CREDENTIALS } from '../../fixtures/tables.ts';

const REGION = 'eu-central-1';

let engine: SqsEngine;
let client: SQSClient;
let queue: string;
let lines: string[];
let questions: string[];
let writtenDown: string[];
beforeEach(async () => {
  engine = await startSqsEngine({ region: REGION });
  client = new SQSClient({ region: REGION, endpoint: engine.endpoint, credentials: LOCAL_CREDENTIALS });
  queue = engine.ensureQueue({
    name: 'rejected',
    arn: `arn:aws:sqs:${REGION}:000000000000:rejected`,
    attributes: { VisibilityTimeout: '30' },
  }).url;
  lines = [];
  questions = [];
  writtenDown = [];
});
afterEach(async () => {
  client.destroy();
  await engine.stop();
});

async function reject(reason: string, count: number, more: object = {}): Promise<void> {
  for (let index = 0; index < count; index++) {
    const message = { rejectionId: `${reason}-${index}`, reason, message: 'why', body: '{}', ...more };
    const MessageBody = JSON.stringify({ ...message, receivedAt: '2026-11-01T00:00:00.000Z' });
    await client.send(new SendMessageCommand({ QueueUrl: queue, MessageBody }));
  }
}

/** Calls the command and answers its question with yes. */
async function call(options: Partial<Parameters<typeof rejected>[1]> = {}) {
  let result: Record<string, unknown> = {};
  const context = {
    cloud: async () =>
      ({
        outputs: { RejectedQueueUrl: queue },
        queues: async () => client,
        intervene: async ({ kind, subjects }: PlannedIntervention) => {
          writtenDown.push(`${kind} ${subjects.get(undefined)?.length}`);
        },
      }) as unknown as Cloud,
    output: {
      result: (value: Record<string, unknown>) => {
        result = value;
      },
      isLive: false,
      table: (_columns: unknown, rows: string[][]) => lines.push(...rows.map((row) => row.join(' | '))),
      line: (text: string) => lines.push(text),
    },
    confirm: async (question: string) => questions.push(question) > 0,
  };
  const exitCode = await rejected(context as unknown as Context, { limit: 1_000, ...options });
  return { exitCode, result };
}

test('a list that the limit cut says so, and about how many more there are', async () => {
  await reject('TOO_OLD', 5);

  const { exitCode, result } = await call({ limit: 3 });

  expect(result).toMatchObject({ total: 3, isCut: true, notRead: 2 });
  expect(lines.join('\n')).toContain('This is not all: about 2 messages more');
  expect(exitCode).toBe(3);
});

test('an empty answer is not taken for an empty queue while the queue says that it holds messages', async () => {
  await reject('TOO_OLD', 2);
  const waits: (number | undefined)[] = [];
  // As servers that hold none of them answer: the engine has one server only.
  client.middlewareStack.add(
    (next) => (args) => {
      if (!('VisibilityTimeout' in args.input)) return next(args);
      waits.push((args.input as ReceiveMessageCommandInput).WaitTimeSeconds);
      return waits.length > 2 ? next(args) : Promise.resolve({ response: {}, output: { $metadata: {} } });
    },
    { step: 'initialize', priority: 'high' },
  );

  const { result } = await call();

  expect(result).toMatchObject({ total: 2, isCut: false, notRead: 0 });
  expect(waits.filter((seconds) => !seconds)).toEqual([]);
});

test('messages that somebody else looks at are spoken of', async () => {
  await reject('TOO_OLD', 2);
  await takeRejected(client, queue, 10);

  const { result } = await call();

  expect(result).toMatchObject({ total: 0, notRead: 2 });
  expect(lines).not.toContain('No rejected event.');
});

test('giving back what became visible by itself does no harm', async () => {
  await reject('TOO_OLD', 12);
  const { entries } = await takeRejected(client, queue, 100);
  const handles = entries.flatMap(({ receiptHandles }) => receiptHandles);
  await giveBack(client, queue, handles);

  await giveBack(client, queue, handles);

  expect((await call()).result).toMatchObject({ total: 12 });
});

test('discard removes what has the reason, and nothing else', async () => {
  await reject('TOO_OLD', 11);
  await reject('NO_DATA', 1);

  const { exitCode, result } = await call({ reason: 'TOO_OLD', discard: true });

  expect(questions).toEqual([expect.stringContaining('Discard 11 rejected events for good?')]);
  expect(writtenDown).toEqual(['discard 11']);
  expect(result).toMatchObject({ total: 12, discarded: 11, replayed: 0 });
  expect(exitCode).toBe(0);
  const left = await call();
  expect(left.result).toMatchObject({ total: 1, events: [{ reason: 'NO_DATA' }] });
});

test('discard of all leaves no part of what was rejected in parts and lost one', async () => {
  await reject('NOT_JSON', 1, { part: { number: 1, of: 2 } });

  await call({ discard: true });

  expect((await call()).result).toMatchObject({ total: 0, notRead: 0 });
  expect(lines.at(-1)).toBe('No rejected event.');
});

test('replay and discard at once are refused before anything is read', async () => {
  await expect(call({ replay: true, discard: true })).rejects.toThrow('not both');
});

test('a list names client, meter and quantity, and in a pipe the whole event without what a terminal acts on', async () => {
  const body = JSON.stringify({
    subject: 'acme',
    data: { meter: 'api_calls', quantity: '12.5' },
    note: 'x'.repeat(300),
  });
  await reject('TOO_OLD', 1, { body, message: 'too\u001b[31m old' });

  const { result } = await call();

  expect(lines[0]).toContain(`TOO_OLD | acme | api_calls | 12.5 | too\\u{1b}[31m old | ${body}`);
  expect(result).toMatchObject({ events: [{ clientId: 'acme', meter: 'api_calls', quantity: '12.5' }] });
});

test('before events are discarded, the question says whose they are and how much is in them', async () => {
  const of = (subject: string, quantity: string) => JSON.stringify({ subject, data: { meter: 'gb', quantity } });
  await reject('TOO_OLD', 1, { body: of('globex', '2.5') });
  await reject('INVALID_TIME', 1, { body: of('acme', '1') });
  await reject('NOT_JSON', 1, { body: '{' });

  await call({ discard: true });

  expect(questions[0]).toContain(
    '3 rejected events for good? They are of acme, globex: gb 3.5; the amount of 1 cannot be read',
  );
});

test('a reason that does not exist is wrong usage, and names those that do', async () => {
  await expect(call({ reason: 'OLD' })).rejects.toThrow(/There is no reason "OLD": NOT_JSON, .*TOO_OLD/);
});
