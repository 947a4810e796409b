import { userInfo } from 'node:os';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { keyOf, type PrimaryKey } from '../../../lib/store/keys.ts';
import { QuotaCalendarStore } from '../../../lib/store/quota-calendar-store.ts';
import { makeLike } from '../../../lib/store/table-copy.ts';
import { type CommandLineWorld, startCommandLineWorld } from '../../fixtures/command-line.ts';

/** An operator who sees nothing move stops watching. */
const PATIENCE_MILLISECONDS = 20_000;

let world: CommandLineWorld;
let sqs: SQSClient;
let dynamodb: DynamoDBClient;
let id: string;
beforeAll(async () => {
  world = await startCommandLineWorld();
  const { region, credentials, endpoints } = world.cloud;
  sqs = new SQSClient({ region, credentials, endpoint: endpoints.sqs });
  dynamodb = new DynamoDBClient({ region, credentials, endpoint: endpoints.dynamodb });
  id = world.period.id;
}, 300_000);
afterAll(async () => {
  sqs?.destroy();
  dynamodb?.destroy();
  await world?.stop();
});

/** An event that the queue gives out only later, as one that a slow or broken consumer has left there. */
async function queueFor(DelaySeconds: number, event: object): Promise<void> {
  const QueueUrl = world.cloud.outputs.EventsQueueUrl;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event), DelaySeconds }));
}

/** As DynamoDB restores a table to now: under another name, with keys and indexes. */
async function copyBeside(table: string, beside: string): Promise<void> {
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: table }));
  const { AttributeDefinitions, KeySchema, GlobalSecondaryIndexes = [] } = Table ?? {};
  const indexes = GlobalSecondaryIndexes.map((index) => ({
    IndexName: index.IndexName,
    KeySchema: index.KeySchema,
    Projection: index.Projection,
  }));
  await dynamodb.send(
    new CreateTableCommand({
      TableName: beside,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions,
      KeySchema,
      GlobalSecondaryIndexes: indexes,
    }),
  );
  await makeLike(dynamodb, { source: table, copy: beside });
}

async function keysIn(TableName: string): Promise<PrimaryKey[]> {
  const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName, ProjectionExpression: 'pk, sk' }));
  return Items.map(keyOf);
}

test('a deadline in the past, and a client of nobody, start nothing', async () => {
  await world.count([world.event('acme', '10')]);

  const late = await world.halfmonth(['run', id, '--deadline', '2020-01-01T00:00:00Z', '--yes']);
  const nobody = await world.halfmonth(['run', id, '--client', 'nobody', '--yes']);
  const { executions } = await world.json(['executions']);

  expect(late).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is in the past') });
  expect(nobody).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nobody has no usage') });
  expect(executions).toEqual([]);
});

test('every preview says what a run would do, and one of nobody says so', async () => {
  const previews = [];
  for (let count = 0; count < 3; count++) previews.push(await world.json(['run', id, '--preview']));
  const nobody = await world.halfmonth(['run', id, '--preview', '--client', 'nobody']);

  for (const { summary } of previews) expect(summary).toMatchObject({ clients: 1, usage: { api_calls: '10' } });
  expect(nobody).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('nobody has no usage and no package') });
}, 240_000);

test('a run says what waits in the queue and what would go, waits for it, and bills it', async () => {
  await queueFor(12, world.event('globex', '5'));

  const started = await world.halfmonth(['run', id, '--yes']);
  const locked = await world.halfmonth(['run', id, '--yes']);
  const watched = await world.halfmonth(['watch', id]);
  const { certificate } = await world.json(['certificate', id]);

  expect(started.stdout).toMatch(
    /1 message with events wait in the queue and 0 are being counted, the oldest for \d+ s/,
  );
  expect(started.stdout).toMatch(/would go +1 client with 1 event: api_calls 10/);
  expect(started.stdout).toContain(`Watch it: npx halfmonth watch ${id}`);
  expect(locked).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`npx halfmonth watch ${id}`) });
  expect(watched).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('certified: ') });
  expect(certificate).toMatchObject({
    usage: { clients: 2, slices: { totals: { api_calls: '15' } } },
    queue: { waiting: 0, inFlight: 0, deadLetters: 0 },
  });
}, 240_000);

test('while everybody has to stay away from the API, status proposes quota first, and watch says why nothing moves', async () => {
  const blockedBy = 'the connection was reset 5 times in a row';
  await world.count([world.event('acme', '1')]);
  const calendar = new QuotaCalendarStore(
    { client: dynamodb, runs: String(world.cloud.outputs.RunsTableName) },
    'invoice-api',
  );
  const blockedUntil = Date.now() + 3_600_000;
  await calendar.change((now) => ({ calendar: { ...now, blockedUntil, blockedBy } }));

  await world.halfmonth(['run', id, '--queue-wait', '0', '--yes']);
  const { next } = (await world.json(['status', id])) as { next: { command: string }[] };
  const watched = await world.halfmonth(['watch', id], { patienceMilliseconds: PATIENCE_MILLISECONDS });
  const { executions } = (await world.json(['executions'])) as { executions: { name: string }[] };
  await world.halfmonth(['stop', executions[0]?.name ?? '', '--reason', 'the next test goes on', '--yes']);

  expect(next.map(({ command }) => command)).toEqual(['npx halfmonth quota', `npx halfmonth watch ${id}`]);
  expect(watched.stdout).toMatch(
    new RegExp(`^${id}: nothing is sent until .*Z, after: ${blockedBy}. .*npx halfmonth quota --unblock --reason`, 'm'),
  );
  expect(watched.stdout.match(/nothing is sent/g)).toHaveLength(1);
}, 240_000);

test('a stop and a lifted block stay with who did them and why, in the execution, the calendar and the certificate', async () => {
  await world.count([world.event('acme', '2')]);
  const calendar = new QuotaCalendarStore(
    { client: dynamodb, runs: String(world.cloud.outputs.RunsTableName) },
    'invoice-api',
  );
  await calendar.change((now) => ({
    calendar: { ...now, blockedUntil: Date.now() + 3_600_000, blockedBy: 'HTTP 429' },
  }));
  await world.halfmonth(['run', id, '--queue-wait', '0', '--yes']);
  const { executions } = (await world.json(['executions'])) as { executions: { name: string }[] };
  const name = executions[0]?.name ?? '';

  await world.halfmonth(['stop', name, '--reason', 'prices are wrong', '--yes']);
  const { unblocked } = await world.json(['quota', '--unblock', '--reason', 'their mistake', '--yes']);
  const stopped = await world.halfmonth(['execution', name]);
  await world.halfmonth(['redrive', name, '--yes']);
  const watched = await world.halfmonth(['watch', id]);

  const by = { knownBy: 'local user', name: userInfo().username };
  expect(stopped.stdout).toContain(`prices are wrong (local user ${by.name})`);
  expect(unblocked).toMatchObject({ reason: 'their mistake', by });
  expect((await calendar.load()).lifted).toMatchObject({ reason: 'their mistake', by });
  expect(watched).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('certified: ') });
  const { certificate } = (await world.json(['certificate', id])) as { certificate: Certificate };
  expect(certificate.interventions?.slice(-4)).toMatchObject([
    { kind: 'run', by, count: 1 },
    { kind: 'stop', by, reason: 'prices are wrong' },
    { kind: 'unblock', by, count: 0, reason: 'their mistake' },
    { kind: 'redrive', by },
  ]);
}, 240_000);

test('a table of packages that went wrong goes back to a moment before, from beside, and nothing is billed twice', async () => {
  const packages = String(world.cloud.outputs.PackagesTableName);
  const beside = `${packages}-restored`;
  await copyBeside(packages, beside);
  const to = new Date().toISOString();
  await world.count([world.event('acme', '4')]);
  await world.halfmonth(['run', id, '--queue-wait', '0', '--follow', '--yes']);
  const submitted = world.api.report().requests.byKind.submit;
  for (const { pk, sk } of await keysIn(packages))
    await world.documents.send(new DeleteCommand({ TableName: packages, Key: { pk, sk } }));

  const restored = await world.json([
    ...['restore', 'packages', '--from', beside, '--to', to],
    '--reason',
    'lost',
    '--yes',
  ]);
  const followed = await world.halfmonth(['run', id, '--queue-wait', '0', '--follow', '--yes']);
  const verified = await world.halfmonth(['certificate', id, '--verify']);
  const { certificate } = (await world.json(['certificate', id])) as { certificate: Certificate };

  expect(restored).toMatchObject({ table: packages, from: beside, removed: 0 });
  expect(followed).toMatchObject({ exitCode: 0 });
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('agrees line by line') });
  expect(world.api.report()).toMatchObject({ acceptedTwice: 0, requests: { byKind: { submit: submitted } } });
  expect(certificate.interventions?.at(-2)).toMatchObject({ kind: 'restore', reason: 'lost' });
}, 240_000);

test('a run that is told not to wait certifies what it left in the queue', async () => {
  await queueFor(120, world.event('globex', '7'));

  const followed = await world.halfmonth(['run', id, '--queue-wait', '0', '--follow', '--yes']);
  const { certificate } = await world.json(['certificate', id]);
  const shown = await world.halfmonth(['certificate', id]);

  expect(followed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('does not wait for them') });
  expect(followed.stdout).toContain('2 of them have a package already');
  expect(certificate).toMatchObject({ queue: { waiting: 1 }, usage: { slices: { totals: { api_calls: '22' } } } });
  expect(shown.stdout).toMatch(/in the queue +1 message waiting, 0 in flight/);
}, 240_000);
