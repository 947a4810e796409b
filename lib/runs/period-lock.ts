import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  type SFNClient,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { PeriodLock, RunStore } from '../store/run-store.ts';
import type { RunContext } from './run.ts';

/** Another execution has the period. */
export class PeriodLocked extends HalfmonthError {
  readonly code = 'PERIOD_LOCKED';
  readonly periodId: PeriodId;
  readonly holder: PeriodLock;

  constructor(periodId: PeriodId, holder: PeriodLock, advice: string) {
    super(
      `Period ${periodId} is locked since ${holder.takenAt} by run ${holder.runId} (${holder.executionArn}). ${advice}`,
    );
    this.periodId = periodId;
    this.holder = holder;
  }
}

/**
 * Takes the period for an execution. The lock of an execution that has ended, however it ended, is taken over: the
 * packages that it left in flight are seen through by the new run. A run for some clients is stopped for one that is
 * for all, which does all that it had left: it may wait for days, for a quota or for approval, and the close is due.
 * @throws PeriodLocked when an execution that is running has the period
 */
export async function takePeriodLock(
  runs: RunStore,
  executions: Executions,
  periodId: PeriodId,
  lock: PeriodLock,
): Promise<void> {
  if (await runs.takeLock(periodId, lock)) return;
  const holder = await runs.loadLock(periodId);
  if (!holder) return takePeriodLock(runs, executions, periodId, lock);
  const status = await executions.statusOf(holder.executionArn);
  if (status === 'RUNNING' || status === 'PENDING_REDRIVE') {
    if (holder.isForSome && !lock.isForSome) {
      await executions.stop(
        holder.executionArn,
        `Run ${lock.runId} closes ${periodId} for every client, and this one's too.`,
      );
      if (await runs.takeLock(periodId, lock, holder.executionArn)) return;
      return takePeriodLock(runs, executions, periodId, lock);
    }
    throw new PeriodLocked(periodId, holder, 'It is running: wait for its end, or stop it, and start again.');
  }
  if (await runs.takeLock(periodId, lock, holder.executionArn)) return;
  return takePeriodLock(runs, executions, periodId, lock);
}

/**
 * Makes sure that a run in progress has its period: an execution that failed and was redriven goes on where it failed,
 * not at its first step, and another run may have taken the period or finished with it meanwhile. A free period is
 * taken again.
 * @throws PeriodLocked when another execution has the period; redriving again is right when that one has ended
 */
export async function keepPeriodLock(runs: RunStore, run: RunContext): Promise<void> {
  const { executionArn, runId, period, clients } = run;
  const holder = await runs.loadLock(period.id);
  if (holder?.executionArn === executionArn) return;
  const lock: PeriodLock = {
    executionArn,
    runId,
    takenAt: new Date().toISOString(),
    ...(clients ? { isForSome: true } : {}),
  };
  if (!holder && (await runs.takeLock(period.id, lock))) return;
  const taker = holder ?? (await runs.loadLock(period.id));
  if (!taker) return keepPeriodLock(runs, run);
  if (taker.executionArn === executionArn) return;
  throw new PeriodLocked(
    period.id,
    taker,
    'It took the period while this run was not running, and does all that this one had left to do: let this run be.',
  );
}

/** What Step Functions says of an execution, or that it knows none of that name. */
export type ExecutionStatus =
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'ABORTED'
  | 'PENDING_REDRIVE'
  | 'UNKNOWN';

/** Looks executions up, and stops them. */
export interface Executions {
  statusOf(executionArn: string): Promise<ExecutionStatus>;
  /** Of one that has ended meanwhile, nothing changes. */
  stop(executionArn: string, cause: string): Promise<void>;
}

/** Executions as Step Functions knows them. */
export function executionsOf(client: SFNClient): Executions {
  return {
    async statusOf(executionArn) {
      try {
        const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
        return status ?? 'UNKNOWN';
      } catch (error) {
        // Step Functions forgets executions 90 days after they end.
        if (error instanceof ExecutionDoesNotExist) return 'UNKNOWN';
        throw error;
      }
    },
    async stop(executionArn, cause) {
      await client.send(new StopExecutionCommand({ executionArn, error: 'GaveWayToClose', cause }));
    },
  };
}
