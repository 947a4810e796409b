import type { ApprovalStore } from '../store/approval-store.ts';
import type { RunStore } from '../store/run-store.ts';
import type { Notifications } from './notifications.ts';
import { keepPeriodLock } from './period-lock.ts';
import { assertKnownRun, type RunContext } from './run.ts';

/** What the state machine tells the task that waits. */
export interface AwaitApprovalEvent {
  run: RunContext;
  /** What lets the execution go on. */
  taskToken: string;
  /** Packages that wait. */
  held: number;
  /** How often people had decided in the period when the packages were counted. */
  decisions: number;
}

/** What asking for approval needs. */
export interface AwaitApprovalDependencies {
  runs: RunStore;
  approvals: Pick<ApprovalStore, 'ask'>;
  notifications: Notifications;
  /** Lets the execution that waits with this token go on. */
  wake: (taskToken: string) => Promise<void>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Writes down who waits for approval and tells that somebody does. The execution goes on when a person has decided;
 * when one did so since the packages were counted, at once.
 * @throws PeriodLocked, UnknownVersion
 */
export async function awaitApproval(
  event: AwaitApprovalEvent,
  { runs, approvals, notifications, wake, now }: AwaitApprovalDependencies,
): Promise<void> {
  assertKnownRun(event);
  const { run, taskToken, held, decisions } = event;
  const { runId, executionArn, period } = run;
  await keepPeriodLock(runs, run);
  const askedAt = new Date(now()).toISOString();
  const decided = await approvals.ask(period.id, { runId, executionArn, taskToken, askedAt });
  if (decided !== decisions) return wake(taskToken);
  await notifications.notify({ type: 'Approval Awaited', detail: { periodId: period.id, runId, held } });
}
