import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { BillingWorld, ExecutionEnd } from './billing-world.ts';
import type { Mishap, Moment, Scenario, Target } from './scenarios.ts';

/** How the executions of a disturbed run ended. */
export interface DisturbedRun {
  /** By Task: how the execution ended to which something happened there, or the intruder's. */
  mishaps: Record<string, ExecutionEnd>;
  /** How those ended that were to succeed. */
  ends: ExecutionEnd[];
}

type Disturb = (world: BillingWorld, scenario: Scenario, periodId: string, name: string) => Promise<DisturbedRun>;

/** Runs a period to its end, with the scenario's mishaps on the way. `name` is its executions' own. */
export function runDisturbed(world: BillingWorld, scenario: Scenario, periodId: string, name: string) {
  return DISTURB[scenario.mishap](world, scenario, periodId, name);
}

const DISTURB: Record<Mishap, Disturb> = {
  redriven: failAndRedrive,
  'run anew': failAndRunAnew,
  stopped: stopAndRunAnew,
  repeated: failAndRetry,
  'intruded upon': runBeside,
};

async function failAndRedrive(
  world: BillingWorld,
  { targets, moment }: Scenario,
  periodId: string,
  name: string,
): Promise<DisturbedRun> {
  const mishaps: DisturbedRun['mishaps'] = {};
  let failedAt = '';
  for (const target of targets) {
    failOnce(world, target, moment, world.arnOf(name), () => {
      failedAt = target.task;
    });
  }
  const executionArn = await world.start(name, periodId);
  let end = await world.end(executionArn);
  // Only our own failures are redriven: any other is the end.
  while (end.status === 'FAILED' && failedAt !== '') {
    mishaps[failedAt] = end;
    failedAt = '';
    end = await redrive(world, executionArn);
  }
  return { mishaps, ends: [end] };
}

async function failAndRunAnew(
  world: BillingWorld,
  { targets, moment }: Scenario,
  periodId: string,
  name: string,
): Promise<DisturbedRun> {
  const mishaps: DisturbedRun['mishaps'] = {};
  for (const target of targets) {
    const executionName = `${name}-${target.task}`;
    failOnce(world, target, moment, world.arnOf(executionName));
    mishaps[target.task] = await world.end(await world.start(executionName, periodId));
  }
  const ends = [await world.end(await world.start(`${name}-anew`, periodId))];
  for (const { executionArn, status } of Object.values(mishaps)) {
    if (status === 'FAILED') ends.push(await redrive(world, executionArn));
  }
  return { mishaps, ends };
}

async function failAndRetry(
  world: BillingWorld,
  { targets, moment }: Scenario,
  periodId: string,
  name: string,
): Promise<DisturbedRun> {
  const failed: string[] = [];
  for (const target of targets) failOnce(world, target, moment, world.arnOf(name), () => failed.push(target.task));
  const end = await world.end(await world.start(name, periodId));
  return { mishaps: Object.fromEntries(failed.map((task) => [task, end])), ends: [end] };
}

/** A stopped execution's function works at the same time as the next execution's at the same Task. */
async function stopAndRunAnew(
  world: BillingWorld,
  { targets }: Scenario,
  periodId: string,
  name: string,
): Promise<DisturbedRun> {
  const mishaps: DisturbedRun['mishaps'] = {};
  const orphans: Promise<void>[] = [];
  let releaseOrphan = () => {};
  for (const { task } of targets) {
    const executionName = `${name}-${task}`;
    const executionArn = world.arnOf(executionName);
    const reached = signal();
    const mayGoOn = signal();
    const hasGoneOn = signal();
    world.mishaps.expect(executionArn, task, async (invoke) => {
      reached.give();
      await mayGoOn.given;
      const outcome = await invoke();
      hasGoneOn.give();
      return outcome;
    });
    await world.start(executionName, periodId);
    await Promise.race([reached.given, world.end(executionArn)]);
    await world.sfn.send(new StopExecutionCommand({ executionArn }));
    mishaps[task] = await world.end(executionArn);
    // An execution that found nothing left to do never came to the Task of the one before it.
    releaseOrphan();
    releaseOrphan = mayGoOn.give;
    if (mishaps[task].status === 'ABORTED') orphans.push(hasGoneOn.given);
    const next = targets[targets.findIndex((target) => target.task === task) + 1];
    world.mishaps.expect(world.arnOf(`${name}-${next?.task ?? 'anew'}`), task, (invoke) => {
      mayGoOn.give();
      return invoke();
    });
  }
  const end = await world.end(await world.start(`${name}-anew`, periodId));
  releaseOrphan();
  await Promise.all(orphans);
  return { mishaps, ends: [end] };
}

async function runBeside(
  world: BillingWorld,
  { targets }: Scenario,
  periodId: string,
  name: string,
): Promise<DisturbedRun> {
  const mishaps: DisturbedRun['mishaps'] = {};
  for (const { task } of targets) {
    world.mishaps.expect(world.arnOf(name), task, async (invoke) => {
      const outcome = await invoke();
      mishaps[task] = await world.end(await world.start(`${name}-${task}`, periodId));
      return outcome;
    });
  }
  const end = await world.end(await world.start(name, periodId));
  return { mishaps, ends: [end] };
}

function failOnce(
  world: BillingWorld,
  { task, errorType }: Target,
  moment: Moment,
  executionArn: string,
  onFailure: () => void = () => {},
): void {
  world.mishaps.expect(executionArn, task, async (invoke) => {
    if (moment === 'after') await invoke();
    onFailure();
    return { error: { errorType, errorMessage: `lost ${moment} the effect of ${task}` } };
  });
}

async function redrive(world: BillingWorld, executionArn: string): Promise<ExecutionEnd> {
  await world.sfn.send(new RedriveExecutionCommand({ executionArn }));
  return world.end(executionArn);
}

/** Something that one waits for and another gives. */
function signal(): { given: Promise<void>; give(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { given: promise, give: resolve };
}
