import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { nextPeriod } from '../../lib/periods/periods.ts';
import { PeriodLocked } from '../../lib/runs/period-lock.ts';
import { InvalidRunInput } from '../../lib/runs/run.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

let tables: TestTables;
let world: PackagingWorld;
/** A period of its own for each test. */
let period = '2020-01-H1';
beforeAll(async () => {
  tables = await startTestTables();
});
afterAll(() => tables.stop());
beforeEach(() => {
  world = new PackagingWorld(tables);
  period = nextPeriod(period).id;
});

describe('opening a period', () => {
  test('without input takes the one that has just ended, in the billing time zone', async () => {
    world.now = Date.parse('2026-11-15T23:30:00Z'); // the 16th in Rome
    const { period: opened } = await world.open({});
    expect(opened).toEqual({ id: '2026-11-H1', from: '2026-11-01', to: '2026-11-15' });
  });

  test('names the run that has it already', async () => {
    await world.open({ period }, 'first-run');
    const second = world.open({ period }, 'second-run');
    await expect(second).rejects.toThrow(PeriodLocked);
    await expect(world.open({ period, clients: ['ada'] }, 'third-run')).rejects.toThrow('by run first-run');
  });

  test('may be tried again by the same execution', async () => {
    const first = await world.open({ period }, 'same-run');
    expect(await world.open({ period }, 'same-run')).toEqual(first);
  });

  test.each(['FAILED', 'TIMED_OUT', 'ABORTED', 'SUCCEEDED', 'UNKNOWN'] as const)(
    'takes over from an execution that is %s',
    async (status) => {
      const dead = await world.open({ period });
      world.statuses.set(dead.executionArn, status);
      const { runId, executionArn } = await world.open({ period });
      expect(await world.runs.loadLock(period)).toMatchObject({ runId, executionArn });
    },
  );

  test.each(['RUNNING', 'PENDING_REDRIVE'] as const)('leaves an execution that is %s alone', async (status) => {
    const holder = await world.open({ period });
    world.statuses.set(holder.executionArn, status);
    await expect(world.open({ period })).rejects.toThrow(PeriodLocked);
  });

  test('for every client stops a run for some of them, which may wait for days', async () => {
    const some = await world.open({ period, clients: ['ada'] });

    const { runId, executionArn } = await world.open({ period });

    expect(world.statuses.get(some.executionArn)).toBe('ABORTED');
    expect(await world.runs.loadLock(period)).toMatchObject({ runId, executionArn });
    await expect(world.plan(some)).rejects.toThrow('let this run be');
  });

  test('for some clients waits for nobody, and stops nobody', async () => {
    const some = await world.open({ period, clients: ['ada'] });

    await expect(world.open({ period, clients: ['bob'] })).rejects.toThrow(PeriodLocked);

    expect(world.statuses.get(some.executionArn)).toBeUndefined();
  });

  test('of which two want to take over a dead run succeeds for one', async () => {
    const dead = await world.open({ period });
    world.statuses.set(dead.executionArn, 'FAILED');
    const outcomes = await Promise.allSettled([world.open({ period }), world.open({ period })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('is refused before the period has ended, and changes nothing', async () => {
    await expect(world.open({ period: '2026-12-H1' })).rejects.toThrow(InvalidRunInput);
    await expect(world.open({ period: '2026-12-H1' })).rejects.toThrow('ends on 2026-12-15');
    expect(await world.runs.loadLock('2026-12-H1')).toBeUndefined();
  });
});

describe('a run that was redriven', () => {
  test('stops when another has taken its period', async () => {
    const failed = await world.open({ period });
    world.statuses.set(failed.executionArn, 'FAILED');
    const taker = await world.open({ period });
    await expect(world.plan(failed)).rejects.toThrow(`by run ${taker.runId}`);
    await expect(world.finish(failed)).rejects.toThrow(PeriodLocked);
  });

  test('takes its period again when it is free', async () => {
    const failed = await world.open({ period });
    await world.runs.releaseLock(period, failed.executionArn);
    await world.plan(failed);
    expect(await world.runs.loadLock(period)).toMatchObject({ runId: failed.runId });
  });
});

test('the end of a run frees the period and says when it was closed, once', async () => {
  await world.close({ period });
  const first = await world.runs.loadPeriodState(period);
  world.now += 3_600_000;
  await world.close({ period });

  expect(await world.runs.loadLock(period)).toBeUndefined();
  const second = await world.runs.loadPeriodState(period);
  expect(second?.closedAt).toBe(first?.closedAt);
  expect(second?.lastClosedAt).not.toBe(first?.lastClosedAt);
});

test('events that are counted while a run packages are late, whether or not it still sees them', async () => {
  const run = await world.open({ period });
  await world.plan(run);
  await world.count({ clientId: 'ada', day: run.period.from, quantity: '3' });
  expect(await world.lateLedger.notYetBilled(period)).toEqual({ events: 1, totals: { calls: '3' } });
});
