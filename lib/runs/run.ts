import { assertKnownVersion } from '../errors/unknown-version.ts';
import type { Day } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';

/** What every task of a run is told. Travels through the state machine; small, and versioned for runs in flight. */
export interface RunContext {
  schemaVersion: 1;
  /** The execution's name. */
  runId: string;
  executionArn: string;
  /** RFC 3339, UTC. */
  startedAt: string;
  period: { id: PeriodId; from: Day; to: Day };
  mode: 'close' | 'preview';
  /** Absent: every client. */
  clients?: string[] | undefined;
  /** Send this many packages first and go on only when they are processed. */
  canary?: number | undefined;
  /** RFC 3339: warn when the forecast passes it. */
  deadline?: string | undefined;
}

/**
 * Refuses the input of a task whose run was begun by a newer version (see "Upgrades" in `docs/architecture.md`).
 * @throws UnknownVersion
 */
export function assertKnownRun(input: unknown): void {
  const run = (input as { run?: { schemaVersion?: unknown } } | undefined)?.run; // looked at, not trusted
  assertKnownVersion("The run in this task's input", run?.schemaVersion);
}

/**
 * What workers do with the chunks of a plan: make packages, balance the account once everything is sent, or only find out
 * what a run would do.
 */
export type PlanPurpose = 'package' | 'account' | 'preview';
