import { describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import type { Notification } from '../../../lib/runs/notifications.ts';
import { type WatchDependencies, watchPeriods } from '../../../lib/runs/watch-periods.ts';
import type { PeriodState, RunStore } from '../../../lib/store/run-store.ts';

const NOON_OF_20TH = Date.parse('2026-11-20T12:00:00Z');

interface World {
  now?: number;
  /** What is known of closed periods. */
  states?: Record<string, PeriodState>;
  parked?: Record<string, number>;
  held?: Record<string, number>;
  /** Late events that no package holds, by period. */
  late?: Record<string, number>;
  told?: Notification[];
  usage?: string[];
}

const finished = (runId: string): PeriodState => ({
  closedAt: '2026-11-17T02:00:00Z',
  closedByRun: runId,
  lastClosedAt: '2026-11-17T03:00:00Z',
  lastClosedByRun: runId,
});

function world({
  now = NOON_OF_20TH,
  states = {},
  parked = {},
  held = {},
  late = {},
  told = [],
  usage = Object.keys(ALL_CLOSED),
}: World): WatchDependencies {
  const store: Pick<RunStore, 'loadPeriodState'> = { loadPeriodState: async (periodId) => states[periodId] };
  return {
    calendar: new BillingCalendar('UTC', 5),
    isScheduled: true,
    graceHours: 26,
    eventMaxAgeDays: 30,
    // The one method is all that watching calls.
    runs: store as RunStore,
    outstanding: {
      count: async ({ periodId }, state) => ({ parked, held })[state as 'parked' | 'held'][periodId] ?? 0,
    },
    late: {
      notYetBilled: async (periodId) => ({ events: late[periodId] ?? 0, totals: { api_calls: '7' } }),
    },
    notifications: {
      notify: async (notification) => {
        told.push(notification);
      },
    },
    hasUsage: async (periodId) => usage.includes(periodId),
    remainingMilliseconds: () => 300_000,
    now: () => now,
  };
}

const ALL_CLOSED = { '2026-11-H1': finished('run-2'), '2026-10-H2': finished('run-1') };

test('closed periods without leftovers are healthy', async () => {
  expect(await watchPeriods(world({ states: ALL_CLOSED }))).toEqual({
    hoursSinceSchedule: 0,
    packagesParked: 0,
    packagesHeld: 0,
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

test('parked packages are counted for a year, since they do not go away by themselves', async () => {
  const parked = { '2026-11-H1': 2, '2026-10-H2': 3, '2025-12-H1': 100, '2025-10-H2': 1_000 };
  expect((await watchPeriods(world({ states: ALL_CLOSED, parked }))).packagesParked).toBe(105);
});

describe('late usage of a closed period', () => {
  const late = { '2026-11-H1': 3 };

  test('is counted and told', async () => {
    const told: Notification[] = [];
    expect((await watchPeriods(world({ states: ALL_CLOSED, late, told }))).lateUsageUnbilled).toBe(3);
    expect(told).toEqual([
      { type: 'Late Usage', detail: { periodId: '2026-11-H1', events: 3, totals: { api_calls: '7' } } },
    ]);
  });

  test('rings on when events cannot reach the period any more, and so does a period that was never closed', async () => {
    const states = { ...ALL_CLOSED, '2026-06-H1': finished('run-0') };
    const health = await watchPeriods(world({ states, late: { '2026-06-H1': 2 }, usage: ['2026-07-H1'] }));
    expect(health.lateUsageUnbilled).toBe(2);
    expect(health.hoursSinceSchedule).toBeGreaterThan(120 * 24);
  });

  test('of thousands of meters is told with as many as an event holds', async () => {
    const told: Notification[] = [];
    const dependencies = world({ states: ALL_CLOSED, told });
    const totals = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, meter) => [String(meter).padEnd(64, '-'), '123456789012345678.123456789012']),
    );
    await watchPeriods({ ...dependencies, late: { notYetBilled: async () => ({ events: 5_000, totals }) } });
    expect(told.length).toBeGreaterThan(0);
    expect(Buffer.byteLength(JSON.stringify(told[0]))).toBeLessThan(256 * 1_024);
  });

  test("is nobody's business while its first run is under way", async () => {
    const begun = { closedAt: '2026-11-17T02:00:00Z', closedByRun: 'run-2' };
    const told: Notification[] = [];
    const states = { ...ALL_CLOSED, '2026-11-H1': begun };
    expect((await watchPeriods(world({ states, late, told }))).lateUsageUnbilled).toBe(0);
    expect(told).toEqual([]);
  });
});

test('where no schedule runs, nothing is said of how long a period is overdue', async () => {
  const open = world({ parked: { '2026-11-H1': 2 }, held: { '2026-10-H2': 3 } });

  const health = await watchPeriods({ ...open, isScheduled: false });

  expect(health).toEqual({ packagesParked: 2, packagesHeld: 3, lateUsageUnbilled: 0 });
});

describe('when time runs short while late usage is read', () => {
  /** Late usage of which no more than `readable` periods can be read. */
  const outOfTimeAfter = (readable: number): WatchDependencies => {
    let read = 0;
    return {
      ...world({ states: ALL_CLOSED }),
      remainingMilliseconds: () => (read < readable ? 300_000 : 29_999),
      late: {
        notYetBilled: async (_periodId, isTimeUp) => {
          if (isTimeUp?.()) return { events: 0, totals: {}, isPartial: true };
          read += 1;
          return { events: 4, totals: { api_calls: '7' } };
        },
      },
    };
  };

  test('what was found is told, at least so much', async () => {
    expect(await watchPeriods(outOfTimeAfter(1))).toMatchObject({ packagesParked: 0, lateUsageUnbilled: 4 });
  });

  test('nothing is called none when nothing was read', async () => {
    expect(await watchPeriods(outOfTimeAfter(0))).toEqual({
      hoursSinceSchedule: 0,
      packagesParked: 0,
      packagesHeld: 0,
    });
  });
});
