import { ExecutionDoesNotExist } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { run as clients } from '../../../cli/commands/clients.ts';
import { run as usage } from '../../../cli/commands/usage.ts';
import type { Cloud } from '../../../cli/connection/cloud.ts';
import type { Context } from '../../../cli/connection/context.ts';
import { clientFacts } from '../../../cli/packages/client-facts.ts';
import { explainClient } from '../../../cli/packages/explain-client.ts';
import { Output } from '../../../cli/terminal/output.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { PackagingWorld } from '../../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const DAY_MILLISECONDS = 86_400_000;
const FIRST = { clientId: 'ada', day: '2026-11-03' };
const SECOND = { clientId: 'ada', day: '2026-11-05' };

let tables: TestTables;
let world: PackagingWorld;
let cloud: Cloud;
beforeEach(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
  const { documents } = tables;
  const outputs = {
    PackagesTableName: tables.packages,
    UsageSlicesTableName: tables.usageSlices,
    RunsTableName: tables.runs,
  };
  const forgetful = {
    send: async () => {
      throw new ExecutionDoesNotExist({ message: 'forgotten', $metadata: {} });
    },
  };
  // What the functions under test use of it.
  cloud = {
    documents,
    outputs,
    calendar: world.calendar,
    tables,
    stepFunctions: async () => forgetful,
    adapter: async () => undefined,
  } as unknown as Cloud;
});
afterEach(() => tables.stop());

/** What a command answers in JSON. */
async function answerOf(command: (context: Context) => Promise<unknown>) {
  const results: Record<string, unknown>[] = [];
  const output = Object.assign(new Output('json'), { result: (value: Record<string, unknown>) => results.push(value) });
  await command({ cloud: async () => cloud, output } as unknown as Context);
  return results[0];
}

/** The days that `usage` shows, and their sum. */
function shownUsage() {
  return answerOf((context) => usage(context, 'ada', { from: '2026-11-01', to: '2026-11-15' }));
}

test('usage of all clients together is the sum of what each has used, day by day', async () => {
  world.now = Date.parse('2026-11-03T12:00:00Z');
  await world.count({ ...FIRST, quantity: '5' }, { ...SECOND, quantity: '0.25' });
  await world.close();
  world.now = Date.parse('2026-11-03T12:00:00Z');
  await world.count({ ...FIRST, clientId: 'bob', quantity: '1.5' });

  expect(
    await answerOf((context) => usage(context, undefined, { from: '2026-11-01', to: '2026-11-15' })),
  ).toMatchObject({
    clientId: null,
    clients: 2,
    days: [
      { day: '2026-11-03', events: 2, totals: { calls: '6.5' } },
      { day: '2026-11-05', events: 1, totals: { calls: '0.25' } },
    ],
    totals: { calls: '6.75' },
    events: 3,
  });
});

test('the clients of a period are listed with what they used and how their packages stand', async () => {
  const close = world.now;
  world.now = Date.parse('2026-11-03T12:00:00Z');
  await world.count({ ...FIRST, quantity: '5' });
  world.now = close;
  await world.close();
  await world.count({ ...FIRST, clientId: 'bob', quantity: '1.5' });

  const listed = (limit: number) => answerOf((context) => clients(context, '2026-11-H1', { limit }));
  expect(await listed(10)).toMatchObject({
    period: '2026-11-H1',
    clients: [
      { clientId: 'ada', days: 1, events: 1, totals: { calls: '5' }, packages: { processed: 1 } },
      { clientId: 'bob', days: 1, events: 1, totals: { calls: '1.5' }, packages: {} },
    ],
    isCut: false,
  });
  expect(await listed(1)).toMatchObject({ isCut: true });
});

test('usage of a period that runs is what has been counted, packaged or not', async () => {
  world.now = Date.parse('2026-11-03T12:00:00Z');
  await world.count({ ...FIRST, quantity: '5' }, { ...SECOND, quantity: '0.25' });

  expect(await shownUsage()).toMatchObject({
    days: [
      { day: '2026-11-03', events: 1, totals: { calls: '5' } },
      { day: '2026-11-05', events: 1, totals: { calls: '0.25' } },
    ],
    totals: { calls: '5.25' },
    events: 2,
  });
});

describe('late usage that no run has billed, of days whose other slices have expired', () => {
  const late = (count: number) => Array.from({ length: count }, () => ({ quantity: '1' }));

  beforeEach(async () => {
    const close = world.now;
    world.now = Date.parse('2026-11-03T12:00:00Z');
    await world.count(
      ...late(10).map((event) => ({ ...FIRST, ...event })),
      ...late(3).map((event) => ({ ...SECOND, ...event })),
    );
    world.now = close;
    await world.close();
    world.now += 25 * DAY_MILLISECONDS;
    // Fewer late events than the record of the first day has, more than that of the second.
    await world.count(
      ...late(5).map((event) => ({ ...FIRST, ...event })),
      ...late(5).map((event) => ({ ...SECOND, ...event })),
    );
    world.now += 60 * DAY_MILLISECONDS;
    await world.expireSlices();
  });

  test('is added to what was recorded, by `usage`', async () => {
    expect(await shownUsage()).toMatchObject({
      days: [
        { day: '2026-11-03', events: 15, totals: { calls: '15' } },
        { day: '2026-11-05', events: 8, totals: { calls: '8' } },
      ],
      totals: { calls: '23' },
      events: 23,
    });
  });

  test('is added to what was recorded, by `explain`', async () => {
    const facts = await clientFacts(cloud, 'ada', periodOf('2026-11-H1'));

    expect(facts.days.map(({ recorded, counted }) => [recorded.events, counted?.events])).toEqual([
      [10, 15],
      [3, 8],
    ]);
    const { details } = explainClient(facts);
    expect(details[0]).toContain('Usage: 23 events');
    expect(details[0]).toContain('13 folded into daily records so far');
  });
});
