import pLimit from 'p-limit';
import type { DecisionOfPerson, InterventionKind } from '../../lib/interventions/intervention.ts';
import { isRejectedByApi } from '../../lib/packages/head-changes.ts';
import { type PackageHead, type PackageState, packageIdOf } from '../../lib/packages/package.ts';
import type { Transition } from '../../lib/packages/transitions.ts';
import { type PeriodId, periodOf } from '../../lib/periods/periods.ts';

import { PackageStore, PackageTransitions } from '../../lib/store/package-store.ts';
import { packagesOf } from '../commands/packages.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { latestRun } from '../periods/period-status.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { plural } from '../terminal/words.ts';
import { type NamedPackage, readPackageId } from './package-id.ts';

/** One decision of a person about packages that are parked or rejected. */
export interface ParkedDecision {
  command: string;
  ids: string[];
  /** Besides, all that the API rejected in this period. */
  allRejectedOf?: string | undefined;
  /** The states in which a package can be so decided. */
  states: readonly PackageState[];
  reason: string;
  /** Asked before anything is changed. */
  question: (heads: readonly PackageHead[]) => string;
  kind: InterventionKind;
  transition: (head: PackageHead, decision: DecisionOfPerson, now: number) => Transition;
  done: string;
}

/** How many packages are written side by side. */
const WRITES_AT_ONCE = 16;

/** Applies a person's decision to packages, all or none; the reason stays with each. */
export async function decideParked(context: Context, decision: ParkedDecision): Promise<ExitCode> {
  const { command, ids, allRejectedOf, states, question, kind, transition, done } = decision;
  const reason = decision.reason.trim();
  if (reason === '') throw new WrongUsage('--reason says nothing: write why, it is kept with the package.');
  const named = [...new Set(ids)].map(readPackageId);
  const period = allRejectedOf === undefined ? undefined : periodOf(allRejectedOf);
  const { output } = context;
  const cloud = await context.cloud();
  const store = new PackageStore(cloud.tables);
  const heads = await Promise.all(named.map((each) => loadDecidable(store, each, states)));
  if (period) {
    for await (const head of packagesOf(cloud, period, ['rejected']))
      if (isRejectedByApi(head) && !ids.includes(head.packageId)) heads.push(head);
    if (heads.length === 0) {
      output.result({ command, target: cloud.target, reason, packages: [] });
      output.line(`The API has rejected no package of ${period.id}.`);
      return EXIT.done;
    }
  }
  if (!(await context.confirm(question(heads)))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const by = await cloud.intervene({ kind, subjects: idsByPeriod(heads), reason });
  const transitions = new PackageTransitions(cloud.tables);
  const limit = pLimit(WRITES_AT_ONCE);
  const changed: string[] = [];
  const decide = async (head: PackageHead): Promise<void> => {
    const decided = transition(head, { reason, by }, Date.now());
    if (await transitions.apply(head, decided)) changed.push(head.packageId);
    else output.line(`${head.packageId} changed meanwhile and was left as it is.`);
  };
  await Promise.all(heads.map((head) => limit(decide, head)));
  output.result({ command, target: cloud.target, reason, packages: changed });
  output.line(`${plural(changed.length, 'package')} ${done}.`);
  for (const periodId of new Set(heads.map((each) => each.periodId))) output.line(await nextStep(cloud, periodId));
  return changed.length === heads.length ? EXIT.done : EXIT.foundProblem;
}

function idsByPeriod(heads: readonly PackageHead[]): Map<PeriodId, string[]> {
  const ids = new Map<PeriodId, string[]>();
  for (const { periodId, packageId } of heads) ids.set(periodId, [...(ids.get(periodId) ?? []), packageId]);
  return ids;
}

async function loadDecidable(
  store: PackageStore,
  { periodId, clientId, part }: NamedPackage,
  states: readonly PackageState[],
): Promise<PackageHead> {
  const id = packageIdOf(periodId, clientId, part);
  const head = await store.loadHead(periodId, clientId, part);
  if (!head) throw new CommandFailed('NO_PACKAGE', `There is no package ${id}. Nothing was done.`);
  if (states.includes(head.state)) return head;
  throw new CommandFailed(
    'NOT_PARKED',
    `${id} is ${head.state}, not ${states.join(' or ')}. Nothing was done. See: ${command('package')} ${id}`,
  );
}

/** What lets the packages of a period that were decided go on. */
async function nextStep(cloud: Cloud, periodId: PeriodId): Promise<string> {
  const run = await latestRun(cloud, periodOf(periodId));
  if (run?.status === 'RUNNING') return `Run ${run.runId} is running and sees to it: ${command('status')} ${periodId}`;
  if (run && ['FAILED', 'ABORTED', 'TIMED_OUT'].includes(run.status))
    return `Let the run go on: ${command('redrive')} ${run.runId}`;
  return `Start a run for what is left: ${command('run')} ${periodId}`;
}
