import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { queueDepth } from '../../../lib/queues/queue-depth.ts';
import { lookAtQueue } from '../../../lib/runs/look-at-queue.ts';
import type { RunContext } from '../../../lib/runs/run.ts';
import { RunStore } from '../../../lib/store/run-store.ts';
import { type SqsEngine, startSqsEngine } from '../../../local/engines/sqs-engine.ts';
import { LOCAL_CREDENTIALS, startTestTables, type TestTables } from '../../fixtures/tables.ts';

const REGION = 'eu-central-1';
const STARTED = Date.parse('2026-11-17T02:00:00.000Z');
const MINUTE = 60_000;

let engine: SqsEngine;
let sqs: SQSClient;
let tables: TestTables;
let runs: RunStore;
let queues: { events: string; deadLetters: string };
let run: RunContext;
beforeAll(async () => {
  engine = await startSqsEngine({ region: REGION });
  sqs = new SQSClient({ region: REGION, endpoint: engine.endpoint, credentials: LOCAL_CREDENTIALS });
  tables = await startTestTables();
  runs = new RunStore(tables);
});
afterAll(async () => {
  sqs.destroy();
  await engine.stop();
  await tables.stop();
});

let number = 0;
beforeEach(() => {
  number += 1;
  const queue = (name: string) =>
    engine.ensureQueue({ name, arn: `arn:aws:sqs:${REGION}:000000000000:${name}`, attributes: {} }).url;
  queues = { events: queue(`events-${number}`), deadLetters: queue(`dead-${number}`) };
  run = {
    schemaVersion: 1,
    runId: `run-${number}`,
    executionArn: 'arn:aws:states:::execution',
    startedAt: new Date(STARTED).toISOString(),
    period: { id: '2026-11-H1', from: '2026-11-01', to: '2026-11-15' },
    mode: 'close',
  };
});

const put = (QueueUrl: string) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{}' }));
const look = (minutesAfterStart: number, context: Partial<RunContext> = {}) =>
  lookAtQueue(
    { run: { ...run, ...context } },
    {
      runs,
      eventsQueue: () => queueDepth(sqs, queues.events),
      deadLetters: () => queueDepth(sqs, queues.deadLetters),
      queueWaitMinutes: 60,
      now: () => STARTED + minutesAfterStart * MINUTE,
    },
  );

test('a run whose queue is empty goes on at once', async () => {
  expect(await look(0)).toMatchObject({ waiting: 0, inFlight: 0, deadLetters: 0, looksAgain: false });
});

test('while events wait, a run looks again until its bound, then goes on and its record says what was left', async () => {
  await put(queues.events);
  await put(queues.events);
  await put(queues.deadLetters);

  expect(await look(0)).toMatchObject({ waiting: 2, looksAgain: true, lookAgainAt: '2026-11-17T02:01:00.000Z' });
  expect(await look(59.5)).toMatchObject({ looksAgain: true, lookAgainAt: '2026-11-17T03:00:00.000Z' });
  expect(await look(60)).toMatchObject({ looksAgain: false });
  expect(await runs.loadRunRecord(run.period.id, run.startedAt, run.runId)).toMatchObject({
    queue: { lookedAt: '2026-11-17T03:00:00.000Z', waiting: 2, inFlight: 0, deadLetters: 1, waitsUntil: null },
  });
});

test('what was given up by the queue is told, and not waited for', async () => {
  await put(queues.deadLetters);

  expect(await look(0)).toMatchObject({ waiting: 0, deadLetters: 1, looksAgain: false });
});

test('a run that was told how long to wait keeps to that, and a preview never waits', async () => {
  await put(queues.events);

  expect(await look(0, { queueWaitMinutes: 0 })).toMatchObject({ waiting: 1, looksAgain: false });
  expect(await look(0, { mode: 'preview' })).toMatchObject({ waiting: 1, looksAgain: false });
  expect(await look(90, { queueWaitMinutes: 120 })).toMatchObject({ looksAgain: true });
});
