import { type PackageHead, packageIdOf } from '../lib/packages/package.ts';
import { type PeriodId, periodOf } from '../lib/periods/periods.ts';
import type { Transition } from '../lib/sending/outcomes.ts';
import { PackageStore } from '../lib/store/package-store.ts';
import { PackageTransitions } from '../lib/store/package-transitions.ts';
import type { Cloud } from './cloud.ts';
import type { Context } from './context.ts';
import { CommandFailed, WrongUsage } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type NamedPackage, readPackageId } from './package-id.ts';
import { latestRun } from './period-status.ts';
import { plural } from './words.ts';

/** One decision of a person about parked packages. */
export interface ParkedDecision {
  command: string;
  ids: string[];
  reason: string;
  /** Asked before anything is changed. */
  question: (heads: readonly PackageHead[]) => string;
  transition: (head: PackageHead, reason: string, now: number) => Transition;
  done: string;
}

/** Applies a person's decision to parked packages, all or none; the reason stays with each. */
export async function decideParked(context: Context, decision: ParkedDecision): Promise<ExitCode> {
  const { command, ids, reason, question, transition, done } = decision;
  if (reason.trim() === '') throw new WrongUsage('--reason says nothing: write why, it is kept with the package.');
  const named = [...new Set(ids)].map(readPackageId);
  const { output } = context;
  const cloud = await context.cloud();
  const { PackagesTableName } = cloud.outputs;
  const store = new PackageStore(cloud.documents, PackagesTableName);
  const heads = await Promise.all(named.map((each) => loadParked(store, each)));
  if (!(await context.confirm(question(heads)))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const transitions = new PackageTransitions(cloud.documents, PackagesTableName);
  const changed: string[] = [];
  for (const head of heads) {
    const { change, attempt } = transition(head, `${reason.trim()} (${who()})`, Date.now());
    if (await transitions.apply(head, change, attempt)) changed.push(head.packageId);
    else output.line(`${head.packageId} changed meanwhile and was left as it is.`);
  }
  output.result({ command, target: cloud.target, reason, packages: changed });
  output.line(`${plural(changed.length, 'package')} ${done}.`);
  for (const periodId of new Set(named.map((each) => each.periodId))) output.line(await nextStep(cloud, periodId));
  return changed.length === heads.length ? EXIT.done : EXIT.foundProblem;
}

async function loadParked(store: PackageStore, { periodId, clientId, part }: NamedPackage): Promise<PackageHead> {
  const id = packageIdOf(periodId, clientId, part);
  const head = await store.loadHead(periodId, clientId, part);
  if (!head) throw new CommandFailed('NO_PACKAGE', `There is no package ${id}. Nothing was done.`);
  if (head.state === 'parked') return head;
  throw new CommandFailed(
    'NOT_PARKED',
    `${id} is ${head.state}, not parked. Nothing was done. See: npx halfmonth package ${id}`,
  );
}

/** What lets the packages of a period that were decided go on. */
async function nextStep(cloud: Cloud, periodId: PeriodId): Promise<string> {
  const run = await latestRun(cloud, periodOf(periodId));
  if (run?.status === 'RUNNING') return `Run ${run.runId} is running and sees to it: npx halfmonth status ${periodId}`;
  if (run && ['FAILED', 'ABORTED', 'TIMED_OUT'].includes(run.status))
    return `Let the run go on: npx halfmonth redrive ${run.runId}`;
  return `Start a run for what is left: npx halfmonth run ${periodId}`;
}

/** The person at this machine, for the record. */
function who(): string {
  return process.env.USER ?? process.env.USERNAME ?? 'unknown user';
}
