import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { endOfPeriod, type Period } from '../../lib/periods/periods.ts';
import { type RunInput, readRunInput } from '../../lib/runs/run.ts';
import { type PeriodLock, RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { isEmpty, lookAtEventsQueue, type QueueLook, queueWords } from '../events/queue-look.ts';
import { executionArnOf, findExecution } from '../executions/executions.ts';
import { followRun } from '../executions/follow-run.ts';
import { showEnd } from '../executions/run-end.ts';
import { readClientId } from '../packages/package-id.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { lookAhead, runAheadWords } from '../periods/run-ahead.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { plural, timeWords } from '../terminal/words.ts';

interface RunOptions {
  client?: string[];
  preview?: boolean;
  canary?: number;
  deadline?: string;
  follow?: boolean;
  queueWait?: number;
}

/** Starts a run of a period, or shows what one would do. */
export async function run(context: Context, given: string | undefined, options: RunOptions): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const period = periodOrLast(given, cloud, output);
  const input = inputOf(period, options);
  const running = options.preview ? undefined : await runningRun(cloud, period);
  const givesWay = running?.isForSome === true && input.clients === undefined;
  if (running && !givesWay) return followInstead(context, cloud, period, running, options.follow === true);
  const queue = await lookAtEventsQueue(cloud);
  showQueue(context, queue, input);
  if (!options.preview) {
    const ahead = await lookAhead(cloud, period, input.clients);
    if (input.clients && ahead.clients === 0 && !ahead.isPartial) throw nobody(period, input.clients);
    for (const line of runAheadWords(ahead)) output.line(line);
    if (givesWay) output.line(`Run ${running?.runId} for some clients is stopped for it, and its work is done too.`);
    const whom = options.client ? plural(options.client.length, 'client') : 'every client';
    if (!(await context.confirm(`Close ${period.id} for ${whom}? Packages go to the invoice API.`))) {
      output.line('Nothing was done.');
      return EXIT.failed;
    }
  }
  const executionArn = await start(cloud, period, input);
  const name = executionArn.slice(executionArn.lastIndexOf(':') + 1);
  output.line(`Started ${name}.`);
  if (!options.follow && !options.preview) {
    output.result({ command: 'run', target: cloud.target, period: period.id, executionArn, input, queue });
    output.line(`Watch it: ${command('watch')} ${period.id}`);
    return EXIT.done;
  }
  const ended = await followRun(context, cloud, period, executionArn);
  return showEnd(context, cloud, {
    shownBy: options.preview ? 'run --preview' : 'run --follow',
    period,
    executionArn,
    ended,
    isPreview: options.preview === true,
  });
}

/** Says what a run of now would miss. */
function showQueue({ output }: Context, queue: QueueLook, { mode, queueWaitMinutes }: RunInput): void {
  const words = queueWords(queue);
  if (words === undefined) return;
  output.line(output.style('yellow', words));
  if (isEmpty(queue)) return;
  output.line(
    mode === 'preview'
      ? 'What of them belongs to the period is not in this preview.'
      : queueWaitMinutes === 0
        ? 'The run does not wait for them: what of them belongs to the period becomes late usage, for a later run.'
        : 'The run waits for them before it packages, for as long as billing.queueWaitMinutes or --queue-wait says.',
  );
}

function nobody(period: Period, clients: readonly string[]): CommandFailed {
  const which = clients.length === 1 ? clients[0] : `None of ${clients.join(', ')}`;
  return new CommandFailed(
    'NO_SUCH_CLIENT',
    `${which} has ${clients.length === 1 ? 'no' : 'any'} usage or package in ${period.id}: ids are told apart by capitals. ` +
      `See who has: ${command('packages')} ${period.id}`,
  );
}

/** Another run has the period: its result is what was wanted, mostly. */
async function followInstead(
  context: Context,
  cloud: Cloud,
  period: Period,
  lock: PeriodLock,
  follows: boolean,
): Promise<ExitCode> {
  const words = `Run ${lock.runId} has ${period.id} since ${lock.takenAt} and is running.`;
  const canAsk = follows && context.isAsked;
  if (!canAsk) {
    throw new CommandFailed('PERIOD_LOCKED', `${words} Watch it: ${command('watch')} ${period.id}`);
  }
  if (!(await context.confirm(`${words} Watch that one?`))) {
    context.output.line('Nothing was done.');
    return EXIT.failed;
  }
  const ended = await followRun(context, cloud, period, lock.executionArn);
  return showEnd(context, cloud, {
    shownBy: 'run --follow',
    period,
    executionArn: lock.executionArn,
    ended,
    isPreview: false,
  });
}

/** @throws WrongUsage for what no run would take */
function inputOf(period: Period, { client, preview, canary, deadline, queueWait }: RunOptions): RunInput {
  const input = {
    period: period.id,
    ...(client ? { clients: [...new Set(client.map(readClientId))] } : {}),
    ...(preview ? { mode: 'preview' } : {}),
    ...(canary ? { canary } : {}),
    ...(deadline ? { deadline } : {}),
    ...(queueWait === undefined ? {} : { queueWaitMinutes: queueWait }),
  };
  if (deadline && Date.parse(deadline) <= Date.now()) {
    throw new WrongUsage(`--deadline ${deadline} is in the past: nothing can be sent by then. Nothing was started.`);
  }
  try {
    return readRunInput(input);
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

/**
 * The run that has the period now, if one does.
 * @throws WrongUsage where the first step would fail
 */
async function runningRun(cloud: Cloud, period: Period): Promise<PeriodLock | undefined> {
  const endsAt = endOfPeriod(period, cloud.calendar);
  if (Date.now() < endsAt) {
    throw new WrongUsage(
      `${period.id} ends at ${timeWords(endsAt)} and cannot be closed before. Look ahead: ${command('run')} ${period.id} --preview`,
    );
  }
  const lock = await new RunStore(cloud.tables).loadLock(period.id);
  if (!lock) return undefined;
  const execution = await findExecution(await cloud.stepFunctions(), lock.executionArn);
  return execution?.status === 'RUNNING' || execution?.status === 'PENDING_REDRIVE' ? lock : undefined;
}

async function start(cloud: Cloud, period: Period, input: RunInput): Promise<string> {
  const client = await cloud.stepFunctions();
  // Unique, and to be recognized in the console.
  const name = `${period.id}-${new Date().toISOString().replaceAll(/[-:.]/g, '')}`;
  // A preview changes nothing.
  if (input.mode !== 'preview')
    await cloud.intervene({ kind: 'run', subjects: new Map([[period.id, [executionArnOf(cloud, name)]]]) });
  const { executionArn } = await client.send(
    new StartExecutionCommand({
      stateMachineArn: cloud.outputs.BillingPeriodStateMachineArn,
      name,
      input: JSON.stringify(input),
    }),
  );
  if (!executionArn) throw new CommandFailed('NOT_STARTED', 'Step Functions did not say which execution it started.');
  return executionArn;
}
