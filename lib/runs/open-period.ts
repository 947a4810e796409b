import type { BillingCalendar } from '../periods/days.ts';
import { endOfPeriod, lastEndedPeriod, periodOf } from '../periods/periods.ts';
import type { PeriodLock, RunStore } from '../store/run-store.ts';
import type { Executions } from './period-lock.ts';
import { takePeriodLock } from './period-lock.ts';
import type { RunContext } from './run.ts';
import { InvalidRunInput, readRunInput } from './run.ts';

/** What the state machine tells its first task. */
export interface OpenPeriodEvent {
  /** The execution's input, as it was given. */
  input: unknown;
  /** The execution's name. */
  runId: string;
  executionArn: string;
  /** RFC 3339, UTC. */
  startedAt: string;
}

/** What opening a period needs. */
export interface OpenPeriodDependencies {
  calendar: BillingCalendar;
  runs: RunStore;
  executions: Executions;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Checks the input of a run, names its period and takes the period's lock. May run again for the same execution.
 * @throws InvalidRunInput when the input cannot be used, or its period has not ended; nothing has changed then
 * @throws PeriodLocked when another execution that is running has the period
 */
export async function openPeriod(
  event: OpenPeriodEvent,
  dependencies: OpenPeriodDependencies,
): Promise<{ run: RunContext }> {
  const run = runContextOf(event, dependencies);
  const { runs, executions } = dependencies;
  const { executionArn, runId, period, startedAt, mode, clients, canary, deadline } = run;
  // A preview changes nothing and so hinders nobody.
  if (mode === 'close') {
    const takenAt = new Date(dependencies.now()).toISOString();
    const lock: PeriodLock = { executionArn, runId, takenAt, ...(clients ? { isForSome: true } : {}) };
    await takePeriodLock(runs, executions, period.id, lock);
  }
  await runs.updateRunRecord(period.id, { runId, executionArn, startedAt, mode, clients, canary, deadline });
  return { run };
}

function runContextOf(event: OpenPeriodEvent, { calendar, now }: OpenPeriodDependencies): RunContext {
  const { period: periodId, mode = 'close', ...limits } = readRunInput(event.input);
  const startedAt = new Date(event.startedAt);
  const period = periodId === undefined ? lastEndedPeriod(startedAt.getTime(), calendar) : periodOf(periodId);
  const endsAt = endOfPeriod(period, calendar);
  if (mode === 'close' && now() < endsAt) {
    throw new InvalidRunInput([
      `period ${period.id} ends on ${period.to} (${new Date(endsAt).toISOString()}) and cannot be closed before; ` +
        'look ahead with "mode": "preview"',
    ]);
  }
  const { runId, executionArn } = event;
  return { schemaVersion: 1, runId, executionArn, startedAt: startedAt.toISOString(), period, mode, ...limits };
}
