import pLimit from 'p-limit';
import type { DecisionOfPerson } from '../../lib/interventions/intervention.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { Transition } from '../../lib/packages/transitions.ts';
import { type Period, periodOf } from '../../lib/periods/periods.ts';
import { ApprovalStore } from '../../lib/store/approval-store.ts';
import { InterventionStore } from '../../lib/store/intervention-store.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import { PackageTransitions } from '../../lib/store/package-store.ts';
import { packagesOf } from '../commands/packages.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { readClientId } from '../packages/package-id.ts';
import { type LatestRun, latestRun } from '../periods/period-status.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { plural } from '../terminal/words.ts';
import { ANYBODY, obstacleToDecide } from './approvers.ts';

/** A decision on what a run holds. */
export interface HeldDecision {
  kind: 'approve' | 'refuse';
  periodId: string;
  /** Only these clients; none named: all that is held. */
  clients: readonly string[];
  reason: string;
  question: (packages: string) => string;
  transition: (head: PackageHead, decision: DecisionOfPerson, now: number) => Transition;
  done: string;
}

const WRITES_AT_ONCE = 16;
const NAMED_IN_QUESTION = 5;

/**
 * Decides on held packages: writes down who does and why, changes the packages, and lets the run that waits go on. What
 * was decided already is in another state, so that no decision works twice.
 */
export async function decideHeld(context: Context, decision: HeldDecision): Promise<ExitCode> {
  const { kind, clients, question, transition, done } = decision;
  const reason = decision.reason.trim();
  if (reason === '') throw new WrongUsage('--reason says nothing: write why, it is kept with the package.');
  const period = periodOf(decision.periodId);
  const { output } = context;
  const cloud = await context.cloud();
  const heads = await heldOf(cloud, period, clients.map(readClientId));
  const run = await waitingRun(cloud, period);
  await assertMayDecide(cloud, period, run);
  if (!(await context.confirm(question(packagesWords(heads))))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const subjects = new Map([[period.id, heads.map(({ packageId }) => packageId)]]);
  const by = await cloud.intervene({ kind, subjects, reason });
  const transitions = new PackageTransitions(cloud.tables);
  const changed: string[] = [];
  await pLimit(WRITES_AT_ONCE).map(heads, async (head) => {
    if (await transitions.apply(head, transition(head, { reason, by }, Date.now()))) changed.push(head.packageId);
    else output.line(`${head.packageId} changed meanwhile and was left as it is.`);
  });
  await wake(cloud, period);
  output.result({ command: kind, target: cloud.target, period: period.id, reason, packages: changed.sort() });
  output.line(
    `${plural(changed.length, 'package')} ${done}. Run ${run.runId} goes on: ${command('watch')} ${period.id}`,
  );
  return changed.length === heads.length ? EXIT.done : EXIT.foundProblem;
}

/** The held packages that are meant. @throws CommandFailed where one is not held, or none is */
async function heldOf(cloud: Cloud, period: Period, clients: readonly string[]): Promise<PackageHead[]> {
  const held: PackageHead[] = [];
  if (clients.length === 0) {
    for await (const head of packagesOf(cloud, period, ['held'])) held.push(head);
    if (held.length === 0)
      throw new CommandFailed('NOTHING_HELD', `No package of ${period.id} is held. Nothing was done.`);
    return held;
  }
  const reader = new PackageReader(cloud.tables);
  for (const clientId of new Set(clients)) {
    const heads = await reader.headsOfClient(period.id, clientId);
    const ofClient = heads.filter(({ state }) => state === 'held');
    if (ofClient.length === 0) throw notHeld(period, clientId, heads);
    held.push(...ofClient);
  }
  return held;
}

function notHeld(period: Period, clientId: string, heads: readonly PackageHead[]): CommandFailed {
  const [head] = heads;
  if (!head) return new CommandFailed('NO_PACKAGE', `${clientId} has no package in ${period.id}. Nothing was done.`);
  const decided = head.attempts.findLast(({ action }) => action === 'approve' || action === 'refuse');
  const before = decided
    ? ` It was decided at ${decided.at} (${decided.action}: ${decided.reason ?? 'no reason'}).`
    : '';
  return new CommandFailed(
    'NOT_HELD',
    `${head.packageId} is ${head.state}, not held.${before} Nothing was done. See: ${command('package')} ${head.packageId}`,
  );
}

/** The run that sees to what is decided. @throws CommandFailed where none runs: a decision would come too late */
async function waitingRun(cloud: Cloud, period: Period): Promise<LatestRun> {
  const run = await latestRun(cloud, period);
  if (run?.status === 'RUNNING') return run;
  if (run && ['FAILED', 'TIMED_OUT', 'ABORTED'].includes(run.status)) {
    throw new CommandFailed(
      'NOBODY_WAITS',
      `Run ${run.runId} waits no more, it is ${run.status.toLowerCase()}: the time for a decision may have been over. Nothing was ` +
        `done, and what is held stays held. Let the run ask again, then decide: ${command('redrive')} ${run.runId}`,
    );
  }
  throw new CommandFailed(
    'NOBODY_WAITS',
    `No run of ${period.id} waits for a decision. Nothing was done. Start one, which asks: ${command('run')} ${period.id}`,
  );
}

async function assertMayDecide(cloud: Cloud, period: Period, { executionArn }: LatestRun): Promise<void> {
  const { GateApprovers = ANYBODY } = cloud.outputs;
  const interventions = await new InterventionStore(cloud.tables).list(period.id);
  const obstacle = obstacleToDecide(await cloud.caller(), GateApprovers, interventions, executionArn);
  if (obstacle !== undefined) throw new CommandFailed('MAY_NOT_DECIDE', `${obstacle} Nothing was done.`);
}

/** Lets the execution that waits go on. One that does not wait yet, or not any more, sees the decision by itself. */
async function wake(cloud: Cloud, period: Period): Promise<void> {
  const awaited = await new ApprovalStore(cloud.tables).decided(period.id);
  if (!awaited) return;
  const { SendTaskSuccessCommand } = await import('@aws-sdk/client-sfn');
  const client = await cloud.stepFunctions();
  try {
    await client.send(new SendTaskSuccessCommand({ taskToken: awaited.taskToken, output: '{}' }));
  } catch (error) {
    if (error instanceof Error && ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'].includes(error.name)) return;
    throw error;
  }
}

/** `3 packages (2026-11-H1.acme: calls 900 is above ...; ...)`: why they are held, of the first few. */
function packagesWords(heads: readonly PackageHead[]): string {
  const named = heads.slice(0, NAMED_IN_QUESTION).map(({ packageId, reason = '' }) => `${packageId}: ${reason}`);
  const more = heads.length > named.length ? '; ...' : '';
  return `${plural(heads.length, 'package')} (${named.join('; ')}${more})`;
}
