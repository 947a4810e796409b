import { DeleteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MAXIMUM_DOCUMENT_BYTES } from '../../lib/packages/lines.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import { plan } from '../../lib/runs/plan.ts';
import { readControlTotal } from '../../lib/store/control-total-store.ts';
import { RecordWeights } from '../../lib/store/daily-record-marks.ts';
import { DailyRecordWriter } from '../../lib/store/daily-records.ts';
import { dailyRecordKey } from '../../lib/store/keys.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

let tables: TestTables;
let world: PackagingWorld;
beforeEach(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
});
afterEach(() => tables.stop());

async function onlyHead(): Promise<PackageHead> {
  const [head, ...others] = await world.heads();
  if (!head || others.length > 0) throw new Error(`one package was expected, not ${others.length + (head ? 1 : 0)}`);
  return head;
}

test('a first close makes one package per client with exact totals per meter and day', async () => {
  await world.putSlice({ clientId: 'ada', day: '2026-11-01', slice: 0, totals: { calls: '0.1', gb: '2' }, events: 2 });
  await world.putSlice({ clientId: 'ada', day: '2026-11-01', slice: 7, totals: { calls: '0.2' } });
  await world.putSlice({ clientId: 'ada', day: '2026-11-15', slice: 3, totals: { calls: '1' } });
  await world.putSlice({ clientId: 'bob', day: '2026-11-02', totals: { calls: '5' } });

  const summary = await world.close();

  expect(summary).toMatchObject({
    periodId: '2026-11-H1',
    clients: 2,
    clientDays: 3,
    events: 5,
    usage: { calls: '6.3', gb: '2' },
    packages: { processed: 2 },
    difference: { calls: '6.3', gb: '2' },
  });
  const head = (await world.heads()).find(({ clientId }) => clientId === 'ada');
  expect(head && (await world.document(head))).toMatchObject({
    packageId: '2026-11-H1.ada',
    revision: 1,
    lines: [
      {
        meter: 'calls',
        quantity: '1.3',
        days: [
          { day: '2026-11-01', quantity: '0.3' },
          { day: '2026-11-15', quantity: '1' },
        ],
      },
      { meter: 'gb', quantity: '2', days: [{ day: '2026-11-01', quantity: '2' }] },
    ],
  });
});

test('a period in which nothing was counted closes with nothing', async () => {
  const summary = await world.close();

  expect(summary).toMatchObject({ clients: 0, events: 0, packages: { processed: 0 } });
  expect(await world.heads()).toEqual([]);
});

test('clients and meters named as what objects inherit are packaged and certified like any other', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  await world.count(...names.map((clientId) => ({ clientId, day: '2026-11-03', meter: 'toString', quantity: '2' })), {
    clientId: 'constructor',
    day: '2026-11-03',
    meter: 'valueOf',
    quantity: '1',
  });

  const summary = await world.close();

  expect(summary).toMatchObject({ clients: 4, usage: { toString: '8', valueOf: '1' }, packages: { processed: 4 } });
  expect((await world.certificates.list('2026-11-H1')).map(({ usage }) => usage.days.totals)).toEqual([
    { toString: '8', valueOf: '1' },
  ]);
});

describe('a second run', () => {
  test('with nothing changed writes no package', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    await world.close();
    const before = await onlyHead();

    const run = await world.package();

    expect(await world.heads()).toEqual([before]);
    expect(await world.runs.loadValue(run.runId, 'sum-package', [1, 0])).toMatchObject({
      sums: { decisions: { keep: 1 }, clientsByChange: { new: 0, changed: 0, unchanged: 1 }, difference: {} },
    });
  });

  test('corrects what late usage changed: full totals, and the difference to what was processed', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    await world.close();
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '-1.5' },
      { clientId: 'ada', day: '2026-11-04', meter: 'gb', quantity: '2' },
    );

    await world.close();

    const head = await onlyHead();
    expect(head).toMatchObject({
      revision: 2,
      state: 'processed',
      lastProcessedRevision: 2,
      lastProcessedSubmission: 1,
    });
    expect(await world.document(head)).toMatchObject({
      revision: 2,
      lines: [
        { meter: 'calls', quantity: '3.5' },
        { meter: 'gb', quantity: '2' },
      ],
      difference: {
        sinceRevision: 1,
        lines: [
          { meter: 'calls', quantity: '-1.5', days: [{ day: '2026-11-03', quantity: '-1.5' }] },
          { meter: 'gb', quantity: '2', days: [{ day: '2026-11-04', quantity: '2' }] },
        ],
      },
    });
  });

  test('takes everything back from a client whose usage fell to zero', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    await world.close();
    await world.count({ clientId: 'ada', day: '2026-11-03', slice: 9, quantity: '-5' });

    const summary = await world.close();

    expect(summary.difference).toEqual({ calls: '-5' });
    expect(await world.document(await onlyHead())).toMatchObject({
      revision: 2,
      lines: [],
      difference: { sinceRevision: 1, lines: [{ meter: 'calls', quantity: '-5' }] },
    });
  });

  test('makes the next revision after one that the API rejected, against what was last processed', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    await world.close();
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });
    await world.close({}, async () => world.move(await onlyHead(), { state: 'rejected', everSent: true }));
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });

    await world.close();

    expect(await world.document(await onlyHead())).toMatchObject({
      revision: 3,
      lines: [{ quantity: '7' }],
      difference: { sinceRevision: 1, lines: [{ quantity: '2' }] },
    });
  });

  test('leaves a rejected revision alone while its content is what is to be billed', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    await world.close({}, async () => world.move(await onlyHead(), { state: 'rejected', everSent: true }));

    const summary = await world.close({}, async () => {});

    expect(summary.packages).toMatchObject({ rejected: 1, ready: 0 });
    expect(await onlyHead()).toMatchObject({ revision: 1 });
  });
});

describe('a revision that was never sent', () => {
  beforeEach(async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
  });

  test('is replaced under the same number', async () => {
    const first = await world.package();
    world.statuses.set(first.executionArn, 'FAILED');
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '2' });

    await world.package();

    const head = await onlyHead();
    expect(head).toMatchObject({ state: 'ready', revision: 1 });
    expect(await world.document(head)).toMatchObject({ revision: 1, lines: [{ quantity: '7' }] });
  });

  test('is withdrawn when what was processed is right again', async () => {
    await world.close();
    const processed = await onlyHead();
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '2' });
    const stopped = await world.package();
    world.statuses.set(stopped.executionArn, 'ABORTED');
    await world.count({ clientId: 'ada', day: '2026-11-03', slice: 4, quantity: '-2' });

    await world.package();

    expect(await onlyHead()).toMatchObject({
      state: 'processed',
      revision: 1,
      contentHash: processed.contentHash,
      lastProcessedRevision: 1,
    });
    expect(await world.packages.loadRevision('2026-11-H1', 'ada', 1, 2)).toBeUndefined();
  });

  test('is discarded when nothing is left to bill and nothing ever was', async () => {
    const stopped = await world.package();
    world.statuses.set(stopped.executionArn, 'ABORTED');
    await world.count({ clientId: 'ada', day: '2026-11-03', slice: 4, quantity: '-5' });

    await world.close();

    expect(await world.heads()).toEqual([]);
    expect(await world.packages.loadRevision('2026-11-H1', 'ada', 1, 1)).toBeUndefined();
  });
});

test('a revision in flight is waited for, and the change is packaged in the same run once it is settled', async () => {
  await world.count(
    { clientId: 'ada', day: '2026-11-03', quantity: '5' },
    { clientId: 'bob', day: '2026-11-03', quantity: '1' },
  );
  const dead = await world.package();
  world.statuses.set(dead.executionArn, 'TIMED_OUT');
  const inFlight = (await world.heads()).find(({ clientId }) => clientId === 'ada');
  if (!inFlight) throw new Error('ada has no package');
  await world.move(inFlight, { state: 'submitted', everSent: true });
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });
  const revisionsWhenSending: number[] = [];

  const summary = await world.close({}, async () => {
    const ada = (await world.heads()).find(({ clientId }) => clientId === 'ada');
    revisionsWhenSending.push(ada?.revision ?? 0);
    await world.processAll();
  });

  expect(revisionsWhenSending).toEqual([1, 2]);
  expect(summary).toMatchObject({ packages: { processed: 2 }, usage: { calls: '7' } });
});

test('lost daily records and slices never become a credit', async () => {
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
  await world.close();
  const before = await onlyHead();
  await world.deleteUsage();

  await expect(world.close({}, async () => {})).rejects.toThrow('does not balance');

  expect(await onlyHead()).toEqual(before);
});

test('one lost daily record of many never becomes a credit, nor does an older one', async () => {
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
  await world.count({ clientId: 'ada', day: '2026-11-04', quantity: '7' });
  await world.close();
  const before = await onlyHead();
  await world.deleteSlices();
  await tables.documents.send(
    new DeleteCommand({ TableName: tables.dailyRecords, Key: dailyRecordKey('ada', '2026-11-04') }),
  );

  const preview = await world.close({ mode: 'preview' });
  await expect(world.close({}, async () => {})).rejects.toThrow('does not balance');

  expect(preview).toMatchObject({ difference: {}, warnings: [expect.anything(), expect.anything()] });
  expect(await onlyHead()).toEqual(before);
});

test('a day whose slices have gone keeps its daily record', async () => {
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
  await world.close();
  const before = await onlyHead();
  await world.deleteSlices();

  const summary = await world.close({}, async () => {});

  expect(await onlyHead()).toEqual(before);
  expect(summary).toMatchObject({ usage: { calls: '5' }, warnings: [expect.stringContaining('1 client-days')] });
});

test('a re-run after the slices have expired takes the daily records as they are', async () => {
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
  await world.close();
  const before = await onlyHead();
  await world.deleteSlices();
  world.now += 200 * 86_400_000;

  const summary = await world.close({ period: '2026-11-H1' }, async () => {});

  expect(await onlyHead()).toEqual(before);
  expect(summary).toMatchObject({ usage: { calls: '5' } });
  expect(summary.warnings).toBeUndefined();
});

test('a run for some clients leaves the others and the period alone', async () => {
  await world.count(
    { clientId: 'ada', day: '2026-11-03', quantity: '5' },
    { clientId: 'ada2', day: '2026-11-03', quantity: '6' },
    { clientId: 'bob', day: '2026-11-03', quantity: '7' },
  );

  const summary = await world.close({ clients: ['ada', 'nobody'] });

  expect((await world.heads()).map(({ clientId }) => clientId)).toEqual(['ada']);
  expect(summary).toMatchObject({ clients: 1, usage: { calls: '5' }, packages: { processed: 1 } });
  expect(await world.runs.loadPeriodState('2026-11-H1')).toBeUndefined();
});

test('a worker that runs short of time stops after a client and goes on there', async () => {
  const clients = ['a', 'b', 'c', 'd', 'e'].map((clientId) => ({ clientId, day: '2026-11-03', quantity: '1' }));
  await world.count(...clients);
  let calls = 0;
  world.remainingMilliseconds = () => (calls++ % 2 === 0 ? 300_000 : 0);

  const summary = await world.close();

  expect(summary).toMatchObject({ clients: 5, usage: { calls: '5' }, packages: { processed: 5 } });
  expect(await world.runs.loadValue(summary.runId, 'sum-package', [1, 4])).toMatchObject({ isLast: false });
});

test('a planner that runs short of time stops after a page and goes on there, with the same plan', async () => {
  const clients = Array.from({ length: 60 }, (_, index) => `client-${index}`);
  await world.count(...clients.map((clientId) => ({ clientId, day: '2026-11-03', quantity: '1' })));
  world.recordsPerSecond = 500;
  const inOneGo = await world.open({});
  const planned = await world.plan(inOneGo);
  world.statuses.set(inOneGo.executionArn, 'ABORTED');
  expect(world.planCalls).toBe(1);
  let asked = 0;
  world.remainingOfPlanner = () => (asked++ === 0 ? 300_000 : 0);

  const run = await world.open({});
  const { chunks } = await world.plan(run);

  expect(world.planCalls).toBeGreaterThan(2);
  expect(chunks).toEqual(planned.chunks);
  for (const chunk of chunks) {
    expect(await world.runs.loadChunk(run.runId, chunk)).toMatchObject({
      ranges: (await world.runs.loadChunk(inOneGo.runId, chunk))?.ranges,
    });
  }
  world.remainingOfPlanner = () => 300_000;
  world.statuses.set(run.executionArn, 'ABORTED');
  expect(await world.close()).toMatchObject({ clients: 60, usage: { calls: '60' } });
});

test('a planner whose state machine would not call it again goes on to the end', async () => {
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });
  const run = await world.open({});

  const answer = await plan(
    { run },
    {
      runs: world.runs,
      weights: new RecordWeights(tables, 5),
      controlTotal: (periodId) => readControlTotal(tables, periodId),
      recordsPerSecond: 1_000,
      targetSeconds: 1,
      remainingMilliseconds: () => 0,
      now: () => world.now,
    },
  );

  expect(answer).toEqual({ purpose: 'package', round: 1, chunks: [1], planned: true });
});

test('a package that would be too large is cut into parts that together are the usage', async () => {
  const meters = Array.from({ length: 400 }, (_, index) => `meter-with-quite-a-long-name-${index}`);
  for (let day = 1; day <= 15; day++) {
    const totals = Object.fromEntries(meters.map((meter) => [meter, `${day}000.123456789012`]));
    await world.putSlice({ clientId: 'ada', day: `2026-11-${String(day).padStart(2, '0')}`, totals });
  }

  const summary = await world.close();

  const heads = await world.heads();
  const documents = await Promise.all(heads.map((head) => world.document(head)));
  expect(heads.length).toBeGreaterThan(1);
  expect(heads.map(({ part, parts }) => [part, parts])).toEqual(heads.map((_, index) => [index + 1, heads.length]));
  for (const document of documents) {
    expect(JSON.stringify(document).length).toBeLessThanOrEqual(MAXIMUM_DOCUMENT_BYTES);
  }
  const packaged = documents.flatMap(({ lines }) => lines.map(({ meter }: { meter: string }) => meter));
  expect(packaged.sort()).toEqual([...meters].sort());
  expect(summary.metersLeftOut).toBe(200);

  const again = await world.package();

  expect(await world.runs.loadValue(again.runId, 'sum-package', [1, 0])).toMatchObject({
    sums: { decisions: { keep: heads.length } },
  });
});

test('a client that grows by a part while its package is in flight waits with all parts, so that nothing is billed twice', async () => {
  const grow = async (from: number, to: number): Promise<void> => {
    for (let day = 1; day <= 15; day++) {
      const totals = Object.fromEntries(
        Array.from({ length: to - from }, (_, index) => [
          `meter-with-quite-a-long-name-${from + index}`,
          `${day}000.125`,
        ]),
      );
      await world.putSlice({
        clientId: 'ada',
        day: `2026-11-${String(day).padStart(2, '0')}`,
        slice: from,
        totals,
      });
    }
  };
  await grow(0, 200);
  const dead = await world.package();
  world.statuses.set(dead.executionArn, 'TIMED_OUT');
  await world.move(await onlyHead(), { state: 'submitted', everSent: true });
  await grow(200, 400);

  const run = await world.open({});
  const planned = await world.plan(run);
  await world.processChunks(run, planned);

  // Its first part still speaks for meters that the second one is to have.
  expect(await world.heads()).toHaveLength(1);

  await world.processAll();
  await world.processChunks(run, await world.plan(run, planned));
  const heads = await world.heads();
  const documents = await Promise.all(heads.map((head) => world.document(head)));
  expect(heads.map(({ part, parts, revision }) => [part, parts, revision])).toEqual(
    heads.map((_, index) => [index + 1, heads.length, index === 0 ? 2 : 1]),
  );
  expect(documents.flatMap(({ lines }) => lines)).toHaveLength(400);
});

describe('a day of more meters than an item can hold', () => {
  const metersOf = (count: number) =>
    Array.from({ length: count }, (_, index) => `${index}-`.padEnd(64, 'a-rather-long-name-of-a-meter/'));
  const quantity = '123456789012345678.123456789012';
  const countAll = (meters: string[]) =>
    world.count(...meters.map((meter) => ({ clientId: 'ada', day: '2026-11-03', meter, quantity })));

  test('is folded, packaged, certified and read whole, and once more after late usage', async () => {
    const meters = metersOf(5_000);
    await countAll(meters);
    await world.count({ clientId: 'bob', day: '2026-11-03', quantity: '1' });

    const summary = await world.close();

    expect(summary).toMatchObject({ clients: 2, clientDays: 2, events: 5_001 });
    const used = await readUsageSoFar(tables, 'ada', '2026-11-H1');
    expect(used.totals).toEqual(Object.fromEntries(meters.map((meter) => [meter, quantity])));

    await countAll(metersOf(6_000).slice(5_000));
    await world.close();

    await world.deleteSlices();
    const afterwards = await readUsageSoFar(tables, 'ada', '2026-11-H1');
    expect(Object.keys(afterwards.totals)).toHaveLength(6_000);
    expect(afterwards.events).toBe(6_000);
    expect(await world.runs.loadValue((await world.package()).runId, 'sum-package', [1, 0])).toMatchObject({
      sums: { events: 6_001, days: 2 },
    });
  });
});

test('a worker that read the slices before another one takes no daily record back', async () => {
  const write = (events: number) =>
    new DailyRecordWriter(tables).write('ada', '2026-11-03', {
      totals: { calls: String(events) },
      events,
    });
  await write(2);

  await expect(write(1)).rejects.toThrow('folded anew by another worker');

  await write(2);
  await write(3);
  const { days } = await readUsageSoFar(tables, 'ada', '2026-11-H1');
  expect(days).toEqual([{ day: '2026-11-03', totals: { calls: '3' }, events: 3 }]);
});

describe('late usage', () => {
  test('is open until a run packages it, and then names its revision', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    await world.close();
    world.now += 60_000;
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '1.5' },
      { clientId: 'bob', day: '2026-11-04', quantity: '2' },
    );
    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toEqual({ events: 2, totals: { calls: '3.5' } });

    await world.close();

    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toEqual({ events: 0, totals: {} });

    expect(await world.lateLines()).toMatchObject([
      { clientId: 'ada', quantity: '1.5', billed: { packageId: '2026-11-H1.ada', revision: 2 } },
      { clientId: 'bob', quantity: '2', billed: { packageId: '2026-11-H1.bob', revision: 1 } },
    ]);
  });

  test('stays open while its change waits for a revision in flight', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
    const dead = await world.package();
    world.statuses.set(dead.executionArn, 'FAILED');
    await world.move(await onlyHead(), { state: 'submitted', everSent: true });
    world.now += 60_000;
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });

    await world.package();

    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toEqual({ events: 1, totals: { calls: '1' } });
  });
});

describe('late usage that no run packages before the slices of its period expire', () => {
  const DAY = 86_400_000;
  const inTime = Date.parse('2026-11-03T12:00:00Z');

  beforeEach(async () => {
    const close = world.now;
    world.now = inTime;
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '5' },
      { clientId: 'ada', day: '2026-11-03', slice: 7, quantity: '0.25' },
    );
    world.now = close;
    await world.close();
  });

  test('is still there, and billed once by the run that comes at last', async () => {
    world.now += 25 * DAY;
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '1.5' },
      { clientId: 'bob', day: '2026-11-04', quantity: '2' },
    );
    world.now += 60 * DAY;
    await world.expireSlices();
    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toEqual({ events: 2, totals: { calls: '3.5' } });
    const used = await readUsageSoFar(tables, 'ada', '2026-11-H1');
    expect(used).toMatchObject({ totals: { calls: '6.75' }, events: 3 });

    const summary = await world.close({ period: '2026-11-H1' });

    expect(summary).toMatchObject({ usage: { calls: '8.75' }, difference: { calls: '3.5' }, events: 4 });
    expect(summary.warnings).toBeUndefined();
    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toEqual({ events: 0, totals: {} });
    const again = await world.close({ period: '2026-11-H1' });
    expect(again).toMatchObject({ usage: { calls: '8.75' }, difference: {} });
  });

  test('is added to what an earlier run has billed of it', async () => {
    world.now += 5 * DAY;
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });
    await world.close({ period: '2026-11-H1' });
    await world.count({ clientId: 'ada', day: '2026-11-03', slice: 7, quantity: '-0.5' });
    world.now += 60 * DAY;
    await world.expireSlices();

    const summary = await world.close({ period: '2026-11-H1' });

    expect(summary).toMatchObject({ usage: { calls: '5.75' }, difference: { calls: '-0.5' }, events: 4 });
    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toEqual({ events: 0, totals: {} });
  });

  test('is left alone where totals were written by code that knew of no lasting part', async () => {
    world.now += 5 * DAY;
    await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });
    await world.close({ period: '2026-11-H1' });
    await tables.documents.send(
      new UpdateCommand({
        TableName: tables.dailyRecords,
        Key: dailyRecordKey('ada', '2026-11-03'),
        UpdateExpression: 'SET events = :events, totals = :totals',
        ExpressionAttributeValues: { ':events': 4, ':totals': { calls: '7.25' } },
      }),
    );
    await world.count({ clientId: 'ada', day: '2026-11-03', slice: 7, quantity: '1' });
    world.now += 60 * DAY;
    await world.expireSlices();

    const summary = await world.close({ period: '2026-11-H1' });

    expect(summary).toMatchObject({ usage: { calls: '7.25' } });
    expect(await world.lateLedger.notYetBilled('2026-11-H1')).toMatchObject({ events: 1 });
  });
});

describe('a preview', () => {
  test('lists what would change and writes no daily record and no package', async () => {
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '5' },
      { clientId: 'cy', day: '2026-11-03', quantity: '3' },
    );
    await world.close();
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '1' },
      { clientId: 'bob', day: '2026-11-03', quantity: '2' },
    );
    const before = await world.contents();

    const summary = await world.close({ mode: 'preview' });

    expect(summary).toMatchObject({
      mode: 'preview',
      clientsByChange: { new: 1, changed: 1, unchanged: 1 },
      usage: { calls: '11' },
      difference: { calls: '3' },
      // Two packages at one an hour: the second leaves an hour after the first, and its request takes a second.
      forecast: { packages: 2, expectedEndAt: new Date(world.now + 3_601_000).toISOString() },
    });
    expect(await world.contents()).toEqual(before);

    expect(await world.listing(summary.runId)).toEqual([
      {
        clientId: 'ada',
        change: 'changed',
        packages: [{ part: 1, revision: 2, decision: 'revise' }],
        totals: { calls: '6' },
        difference: { calls: '1' },
      },
      {
        clientId: 'bob',
        change: 'new',
        packages: [{ part: 1, revision: 1, decision: 'create' }],
        totals: { calls: '2' },
        difference: { calls: '2' },
      },
      { clientId: 'cy', change: 'unchanged', packages: [{ part: 1, revision: 1, decision: 'keep' }] },
    ]);
  });

  test('of a period that has not ended, beside a run of it, is welcome', async () => {
    await world.count({ clientId: 'ada', day: '2026-11-17', quantity: '5' });

    const summary = await world.close({ mode: 'preview', period: '2026-11-H2' });

    expect(summary).toMatchObject({ clientsByChange: { new: 1 }, usage: { calls: '5' } });
    expect(await world.runs.loadLock('2026-11-H2')).toBeUndefined();
  });
});
