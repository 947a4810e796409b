import { describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { type WatchResources, watchPeriods } from '../../../lib/runs/watch-periods.ts';
import type { PeriodState, RunStore } from '../../../lib/store/run-store.ts';

const NOON_OF_20TH = Date.parse('2026-11-20T12:00:00Z');

interface World {
  now?: number;
  /** What is known of closed periods. */
  states?: Record<string, PeriodState>;
  /** When each run started. */
  runs?: Record<string, string>;
  parked?: Record<string, number>;
  /** When late events were counted, by period. */
  late?: Record<string, string[]>;
  usage?: string[];
}

const finished = (runId: string): PeriodState => ({
  closedAt: '2026-11-17T02:00:00Z',
  closedByRun: runId,
  lastClosedAt: '2026-11-17T03:00:00Z',
  lastClosedByRun: runId,
});

function world({ now = NOON_OF_20TH, states = {}, runs = {}, parked = {}, late = {}, usage }: World): WatchResources {
  const store: Pick<RunStore, 'loadPeriodState' | 'listRunRecords'> = {
    loadPeriodState: async (periodId) => states[periodId],
    listRunRecords: async () => Object.entries(runs).map(([runId, startedAt]) => ({ runId, startedAt })),
  };
  return {
    calendar: new BillingCalendar('UTC', 5),
    graceHours: 26,
    eventMaxAgeDays: 30,
    // The two methods are all that watching calls.
    runs: store as RunStore,
    outstanding: { count: async ({ periodId }) => parked[periodId] ?? 0 },
    lateUsage: {
      countSince: async (periodId, instant) => (late[periodId] ?? []).filter((countedAt) => countedAt > instant).length,
    },
    hasUsage: async (periodId) => usage?.includes(periodId) ?? true,
    now: () => now,
  };
}

const ALL_CLOSED = { '2026-11-H1': finished('run-2'), '2026-10-H2': finished('run-1') };

test('closed periods without leftovers are healthy', async () => {
  expect(await watchPeriods(world({ states: ALL_CLOSED }))).toEqual({
    hoursSinceSchedule: 0,
    packagesParked: 0,
    lateUsageUnbilled: 0,
  });
});

describe('a period that was not closed', () => {
  const { '2026-10-H2': october } = ALL_CLOSED;

  test('is overdue from its schedule on', async () => {
    // It ended at midnight of the 16th and was due 26 hours later.
    const health = await watchPeriods(world({ states: { '2026-10-H2': october } }));
    expect(health.hoursSinceSchedule).toBe(4 * 24 + 12 - 26);
  });

  test('is not overdue during the grace', async () => {
    const now = Date.parse('2026-11-17T01:59:00Z');
    expect((await watchPeriods(world({ now, states: { '2026-10-H2': october } }))).hoursSinceSchedule).toBe(0);
  });

  test('is overdue although a run has begun to close it', async () => {
    const begun = { closedAt: '2026-11-17T02:00:00Z', closedByRun: 'run-2' };
    const health = await watchPeriods(world({ states: { '2026-11-H1': begun, '2026-10-H2': october } }));
    expect(health.hoursSinceSchedule).toBeGreaterThan(48);
  });

  test('is not missed when nothing was counted in it', async () => {
    const health = await watchPeriods(world({ usage: [] }));
    expect(health.hoursSinceSchedule).toBe(0);
  });

  test('rings for the oldest, not the latest', async () => {
    const health = await watchPeriods(world({ states: { '2026-11-H1': finished('run-2') } }));
    expect(health.hoursSinceSchedule).toBe(19 * 24 + 12 - 26);
  });
});

test('parked packages of all periods that events can still reach are counted', async () => {
  const parked = { '2026-11-H1': 2, '2026-10-H2': 3, '2026-09-H1': 100 };
  expect((await watchPeriods(world({ states: ALL_CLOSED, parked }))).packagesParked).toBe(5);
});

describe('late usage', () => {
  const runs = { 'run-1': '2026-11-02T02:00:00Z', 'run-2': '2026-11-17T02:00:00Z' };

  test('is unbilled when it was counted after the last finished run had started', async () => {
    const late = { '2026-11-H1': ['2026-11-17T01:00:00Z', '2026-11-18T09:00:00Z'] };
    expect((await watchPeriods(world({ states: ALL_CLOSED, runs, late }))).lateUsageUnbilled).toBe(1);
  });

  test('is billed by a later run', async () => {
    const states = { ...ALL_CLOSED, '2026-11-H1': finished('run-3') };
    const late = { '2026-11-H1': ['2026-11-18T09:00:00Z'] };
    const health = await watchPeriods(world({ states, runs: { ...runs, 'run-3': '2026-11-19T00:00:00Z' }, late }));
    expect(health.lateUsageUnbilled).toBe(0);
  });
});
