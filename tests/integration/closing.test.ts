import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  PutItemCommand,
  UpdateItemCommand,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ChunkWork } from '../../lib/runs/chunk-work.ts';
import { packageClient } from '../../lib/runs/package-client.ts';
import { type ClientRecords, readClients } from '../../lib/store/client-reader.ts';
import { ControlTotalStore } from '../../lib/store/control-total-store.ts';
import { DailyRecordWriter } from '../../lib/store/daily-records.ts';
import { ensureFoundation } from '../../lib/store/foundation-store.ts';
import { bucketOf, dailyRecordKey, FOUNDATION_KEY, usageSliceKey } from '../../lib/store/keys.ts';
import { meterGroupOf } from '../../lib/usage/control-total.ts';
import { scan } from '../fixtures/counting.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

const PERIOD = '2026-11-H1';
let tables: TestTables;
let world: PackagingWorld;
beforeEach(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
});
afterEach(() => tables.stop());

const at = (time: string): void => {
  world.now = Date.parse(time);
};

/** Usage of one client on the third of the month, in as many slices as quantities. */
const use = (clientId: string, quantities: string[], firstSlice = 0) =>
  world.count(
    ...quantities.map((quantity, index) => ({ clientId, day: '2026-11-03', quantity, slice: firstSlice + index })),
  );

describe('a day whose slices may have expired', () => {
  test('is what its record held, and what came late, whatever the age limit is by now', async () => {
    at('2026-11-03T12:00:00Z');
    await use('ada', ['100', '100']);
    at('2026-11-17T02:00:00Z');
    await world.close();
    at('2026-12-10T02:00:00Z');
    await use('ada', ['1', '1', '1'], 5);
    world.eventMaxAgeDays = 120;
    at('2027-01-15T02:00:00Z');
    await world.expireSlices();

    const summary = await world.close({ period: PERIOD });

    expect(summary).toMatchObject({ usage: { calls: '203' }, difference: { calls: '3' } });
    expect(await world.lateLedger.notYetBilled(PERIOD)).toEqual({ events: 0, totals: {} });
  });

  test('may have a meter that is named as what objects inherit, and late usage of another', async () => {
    at('2026-11-03T12:00:00Z');
    await world.count({ clientId: 'ada', day: '2026-11-03', meter: 'toString', quantity: '2' });
    at('2026-11-16T12:00:00Z');
    await use('ada', ['7']);
    at('2026-11-17T02:00:00Z');
    await world.close();
    at('2026-12-10T02:00:00Z');
    await use('ada', ['1'], 9);
    at('2027-01-15T02:00:00Z');
    await world.expireSlices();

    expect(await world.close({ period: PERIOD })).toMatchObject({ usage: { calls: '8', toString: '2' } });
  });

  test('is refused by name where no run has ever folded it, and leaves the other clients to be sent', async () => {
    at('2026-11-01T12:00:00Z');
    await world.count({ clientId: 'ada', day: '2026-11-01', quantity: '5' });
    at('2026-11-15T12:00:00Z');
    await world.count({ clientId: 'bob', day: '2026-11-15', quantity: '7' });
    at('2027-01-05T00:00:00Z');
    await world.expireSlices();

    const closing = world.close({ period: PERIOD });

    await expect(closing).rejects.toMatchObject({
      code: 'CLIENTS_LEFT',
      left: { count: 1, named: [{ clientId: 'ada', reason: expect.stringContaining('2026-11-01 of ada') }] },
    });
    expect(await world.heads()).toMatchObject([{ clientId: 'bob', state: 'processed' }]);
  });

  test('that was made after a whole close, by what never expires, is billed', async () => {
    at('2026-11-15T12:00:00Z');
    await world.count({ clientId: 'ada', day: '2026-11-15', quantity: '5' });
    at('2026-11-17T02:00:00Z');
    await world.close();
    at('2026-11-25T02:00:00Z');
    await world.count({ clientId: 'ada', day: '2026-11-01', quantity: '2' });
    at('2027-03-01T02:00:00Z');
    await world.expireSlices();

    expect(await world.close({ period: PERIOD })).toMatchObject({ usage: { calls: '7' }, difference: { calls: '2' } });
  });
});

test('the worker of a dead run writes nothing over what a newer run has packaged', async () => {
  await use('ada', ['5']);
  await world.close();
  await use('ada', ['10'], 3);
  const dead = await world.open({ period: PERIOD }, 'run-dead');
  await world.plan(dead);
  const stale = await readClient('ada');
  world.statuses.set(dead.executionArn, 'FAILED');
  await use('ada', ['100'], 4);
  const run = await world.open({ period: PERIOD }, 'run-new');
  await world.processChunks(run, await world.plan(run));

  const { packages, lateLedger, calendar, eventMaxAgeDays } = world;
  const dailyRecords = new DailyRecordWriter(tables);
  const now = () => world.now;
  const work = new ChunkWork(dead, { packages, lateLedger, calendar, eventMaxAgeDays, dailyRecords, now }, false);
  await expect(packageClient(stale, work)).rejects.toMatchObject({ code: 'DAILY_RECORD_OUTRUN' });
  // The same where the day was written before the worker fell behind.
  const settled = { ...stale, days: (await readClient('ada')).days, folded: new Map(), late: [] };
  const older = { ...settled, days: settled.days.map((day) => ({ ...day, events: 3, totals: { calls: '15' } })) };
  await expect(packageClient(older, work)).rejects.toMatchObject({ code: 'PACKAGE_CONTENDED' });

  const [head] = await world.heads();
  expect(await world.document(head ?? fail())).toMatchObject({ revision: 2, lines: [{ quantity: '115' }] });
});

test('a client that fails fails alone, and a new run closes the period once it is mended', async () => {
  await use('ada', ['5']);
  await use('bob', ['6']);
  await use('eve', ['7']);
  const key = dailyRecordKey('bob', '2026-11-04');
  const broken = { pk: { S: key.pk }, sk: { S: key.sk } };
  const fields = { events: { N: '1' }, pages: { N: '2' }, fold: { S: 'gone' } };
  await tables.client.send(new PutItemCommand({ TableName: tables.dailyRecords, Item: { ...broken, ...fields } }));

  await expect(world.close()).rejects.toMatchObject({
    code: 'CLIENTS_LEFT',
    message: expect.stringContaining('bob (DailyRecordIncomplete:'),
  });
  const states = (await world.heads()).map(({ clientId, state }) => `${clientId} ${state}`);
  expect(states.sort()).toEqual(['ada processed', 'eve processed']);

  await tables.client.send(new DeleteItemCommand({ TableName: tables.dailyRecords, Key: broken }));
  for (const { runId } of await world.runs.listRunRecords(PERIOD)) world.statuses.set(world.arnOf(runId), 'FAILED');
  expect(await world.close()).toMatchObject({ usage: { calls: '18' }, packages: { processed: 3 } });
});

describe('the control total of ingestion', () => {
  const layFoundation = () => ensureFoundation(tables, { billingTimeZone: 'UTC', sliceMinutes: 5 }, '2026-11-03');
  const controlOfLastRun = async () => {
    const [run] = await world.runs.listRunRecords(PERIOD);
    const certificate = await world.certificates.load(PERIOD, run?.startedAt ?? '', run?.runId ?? '');
    return certificate?.usage.control;
  };
  const counted = (events: number, calls: string) =>
    new ControlTotalStore(tables).put(PERIOD, {
      events,
      unsureEvents: 0,
      groups: new Map([[meterGroupOf('calls'), { counted: calls, unsure: '0' }]]),
    });

  test('is in the certificate where the tables hold what was counted', async () => {
    await layFoundation();
    await use('ada', ['5', '6']);
    await world.close();

    expect(await controlOfLastRun()).toEqual({ events: 2, meanwhile: 0, unsure: 0, late: 0, differences: [] });
  });

  test('keeps a period uncertified of which a slice was lost before any run read it', async () => {
    await world.count(
      { clientId: 'ada', day: '2026-11-03', quantity: '5' },
      { clientId: 'ada', day: '2026-11-04', quantity: '6' },
    );
    const [slice] = (await scan(tables.client, tables.usageSlices)).filter(({ sk }) => sk?.S?.includes('2026-11-04'));
    const Key = { pk: slice?.pk ?? fail(), sk: slice?.sk ?? fail() };
    await tables.client.send(new DeleteItemCommand({ TableName: tables.usageSlices, Key }));

    await expect(world.close()).rejects.toMatchObject({
      code: 'ACCOUNT_UNBALANCED',
      disagreement: { line: expect.stringContaining('control total'), expected: 'at least 2', found: '1' },
    });
  });

  describe('of a period in which events are counted while a run goes on', () => {
    /** A whole run; `meanwhile` happens after its plan, and `later` once everything is packaged. */
    const closeWhile = async (meanwhile: () => Promise<void>, later = async () => {}) => {
      const run = await world.open({ period: PERIOD });
      const planned = await world.plan(run);
      await meanwhile();
      await world.processChunks(run, planned);
      await later();
      await world.processAll();
      await world.processChunks(run, await world.plan(run, planned));
      return world.finish(run);
    };
    beforeEach(async () => {
      await layFoundation();
      at('2026-11-03T12:00:00Z');
      await use('ada', ['5', '6']);
      at('2026-11-17T02:00:00Z');
    });

    test('agrees, event by event, with what is in packages and what is late', async () => {
      await closeWhile(
        () => use('bob', ['1'], 3),
        () => use('bob', ['2'], 4),
      );

      expect(await controlOfLastRun()).toEqual({ events: 2, meanwhile: 2, unsure: 0, late: 1, differences: [] });
    });

    test('lets none of them stand for one that was lost', async () => {
      const [page] = await scan(tables.client, tables.usageSlices);
      const Key = { pk: page?.pk ?? fail(), sk: page?.sk ?? fail() };
      await tables.client.send(new DeleteItemCommand({ TableName: tables.usageSlices, Key }));

      await expect(closeWhile(() => use('bob', ['1', '2', '3'], 3))).rejects.toMatchObject({
        code: 'ACCOUNT_UNBALANCED',
        disagreement: { line: expect.stringContaining('control total'), expected: 'at least 5', found: '3' },
      });
    });

    test('holds their quantities against what was counted', async () => {
      await counted(0, '1');

      const closing = closeWhile(
        () => use('bob', ['1'], 3),
        () => use('bob', ['2'], 4),
      );

      await expect(closing).rejects.toMatchObject({
        disagreement: { line: expect.stringContaining('late usage of calls'), expected: '15', found: '14' },
      });
    });
  });

  test('keeps a period uncertified whose quantities are others than were counted', async () => {
    await layFoundation();
    await use('ada', ['5']);
    await counted(0, '1');

    await expect(world.close()).rejects.toMatchObject({
      disagreement: { line: expect.stringContaining('sum of days of calls'), expected: '6', found: '5' },
    });
  });

  /** As an earlier version counted, which kept no control total. */
  const useWithoutControl = () => world.putSlice({ clientId: 'bob', day: '2026-11-03', totals: { calls: '6' } });

  test('keeps a period uncertified that holds more than was counted', async () => {
    await layFoundation();
    await use('ada', ['5']);
    await useWithoutControl();

    await expect(world.close()).rejects.toMatchObject({
      disagreement: { line: expect.stringContaining('control total'), expected: 'at most 1', found: '2' },
    });
  });

  test('says that it is partial where an earlier version has counted some of the period', async () => {
    await useWithoutControl();
    await use('ada', ['5']);
    await world.close();

    expect(await controlOfLastRun()).toEqual({
      partial: true,
      events: 1,
      meanwhile: 0,
      unsure: 0,
      late: 0,
      differences: [],
    });
  });

  test('is partial before the day that a person named after a restore of the runs table', async () => {
    await layFoundation();
    await use('ada', ['5']);
    await useWithoutControl();
    await tables.client.send(
      new UpdateItemCommand({
        TableName: tables.runs,
        Key: { pk: { S: FOUNDATION_KEY.pk }, sk: { S: FOUNDATION_KEY.sk } },
        UpdateExpression: 'SET controlledFrom = :day',
        ExpressionAttributeValues: { ':day': { S: '2026-11-16' } },
      }),
    );
    await world.close();

    expect(await controlOfLastRun()).toMatchObject({ partial: true, events: 1 });
  });

  test('is absent where an earlier version has counted everything', async () => {
    await useWithoutControl();
    await world.close();

    expect(await controlOfLastRun()).toBeUndefined();
  });
});

describe('a client that is too heavy for one call of a worker', () => {
  const SLICES = 1_200;
  beforeEach(async () => {
    const requests = Array.from({ length: SLICES }, (_, slice): WriteRequest => {
      const { pk, sk } = usageSliceKey(
        'ada',
        `2026-11-${slice % 2 === 0 ? '03' : '04'}`,
        Math.floor(slice / 4),
        slice % 4,
      );
      const totals = { M: { calls: { N: '3' } } };
      // A megabyte, which is one answer of DynamoDB, holds some 250 of them.
      return {
        PutRequest: {
          Item: { pk: { S: pk }, sk: { S: sk }, totals, events: { N: '1' }, padding: { B: Buffer.alloc(4_000) } },
        },
      };
    });
    for (let start = 0; start < SLICES; start += 25) {
      const batch = { [tables.usageSlices]: requests.slice(start, start + 25) };
      await tables.client.send(new BatchWriteItemCommand({ RequestItems: batch }));
    }
    await use('zoe', ['1']);
    for (const day of ['2026-11-03', '2026-11-04']) {
      await world.putSlice({ clientId: 'ada', day, slice: 300, totals: { calls: '1' } });
    }
  });

  /** Time runs short at every second look at the clock. */
  const hurry = (): void => {
    let looks = 0;
    world.remainingMilliseconds = () => (++looks % 2 === 0 ? 1_000 : 300_000);
  };

  test.each([undefined, ['ada', 'zoe']])(
    'is read on where the last call stopped, and closed whole',
    async (clients) => {
      hurry();
      const run = await world.open({ period: PERIOD, ...(clients ? { clients } : {}) });
      const planned = await world.plan(run);
      let calls = 0;
      for (const chunk of planned.chunks) calls += await world.processChunk(run, planned.purpose, chunk);
      await world.processAll();
      await world.processChunks(run, await world.plan(run, planned));
      const summary = await world.finish(run);

      expect(calls).toBeGreaterThan(4);
      expect(summary).toMatchObject({ usage: { calls: String(SLICES * 3 + 3) }, events: SLICES + 3, clients: 2 });
    },
  );

  test('is previewed the same way', async () => {
    hurry();
    const run = await world.open({ period: PERIOD, mode: 'preview' });
    await world.processChunks(run, await world.plan(run));
    await world.finish(run);

    expect(await world.listing(run.runId)).toMatchObject([
      { clientId: 'ada', totals: { calls: String(SLICES * 3 + 2) } },
      { clientId: 'zoe', totals: { calls: '1' } },
    ]);
  });
});

async function readClient(clientId: string): Promise<ClientRecords> {
  for await (const records of readClients(tables, PERIOD, { bucket: bucketOf(clientId), only: clientId }))
    return records;
  return fail();
}

function fail(): never {
  throw new Error('there is none');
}
