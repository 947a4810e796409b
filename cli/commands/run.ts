import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { endOfPeriod, type Period } from '../../lib/periods/periods.ts';
import { listingOf } from '../../lib/runs/chunk-steps.ts';
import type { RunSummary } from '../../lib/runs/close-period.ts';
import { readRunInput } from '../../lib/runs/run.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { findExecution } from '../executions/executions.ts';
import { followRun } from '../executions/follow-run.ts';
import { readClientId } from '../packages/package-id.ts';
import { periodOrLast } from '../periods/period-of.ts';
import type { LatestRun } from '../periods/period-status.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { plural, timeWords, totalsWords } from '../terminal/words.ts';

interface RunOptions {
  client?: string[];
  preview?: boolean;
  canary?: number;
  deadline?: string;
  follow?: boolean;
}

const CLIENTS_SHOWN = 50;

/** Starts a run of a period, or shows what one would do. */
export async function run(context: Context, given: string | undefined, options: RunOptions): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const period = periodOrLast(given, cloud, output);
  const input = inputOf(period, options);
  if (!options.preview) {
    await checkStartable(cloud, period);
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
    output.result({ command: 'run', target: cloud.target, period: period.id, executionArn, input });
    output.line(`Watch it: npx halfmonth status ${period.id}`);
    return EXIT.done;
  }
  const ended = await followRun(context, cloud, period, executionArn);
  return finish(context, cloud, period, executionArn, ended, options.preview === true);
}

/** @throws WrongUsage for what no run would take */
function inputOf(period: Period, { client, preview, canary, deadline }: RunOptions) {
  const input = {
    period: period.id,
    ...(client ? { clients: [...new Set(client.map(readClientId))] } : {}),
    ...(preview ? { mode: 'preview' } : {}),
    ...(canary ? { canary } : {}),
    ...(deadline ? { deadline } : {}),
  };
  try {
    return readRunInput(input);
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

/** What would fail in the first step is said here, before anything is started. */
async function checkStartable(cloud: Cloud, period: Period): Promise<void> {
  const endsAt = endOfPeriod(period, cloud.calendar);
  if (Date.now() < endsAt) {
    throw new WrongUsage(
      `${period.id} ends at ${timeWords(endsAt)} and cannot be closed before. Look ahead: npx halfmonth run ${period.id} --preview`,
    );
  }
  const lock = await new RunStore(cloud.tables).loadLock(period.id);
  if (!lock) return;
  const execution = await findExecution(await cloud.stepFunctions(), lock.executionArn);
  if (execution?.status !== 'RUNNING' && execution?.status !== 'PENDING_REDRIVE') return;
  throw new CommandFailed(
    'PERIOD_LOCKED',
    `Run ${lock.runId} has ${period.id} since ${lock.takenAt} and is running. Watch it: npx halfmonth status ${period.id}`,
  );
}

async function start(cloud: Cloud, period: Period, input: object): Promise<string> {
  const client = await cloud.stepFunctions();
  // Unique, and to be recognized in the console.
  const name = `${period.id}-${new Date().toISOString().replaceAll(/[-:.]/g, '')}`;
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

async function finish(
  context: Context,
  cloud: Cloud,
  period: Period,
  executionArn: string,
  ended: LatestRun | undefined,
  isPreview: boolean,
): Promise<ExitCode> {
  const { output } = context;
  // Written by close-period.
  const summary = ended?.record.summary as RunSummary | undefined;
  const clients = isPreview && ended?.status === 'SUCCEEDED' ? await previewOf(cloud, ended) : undefined;
  const { record: _record, ...run } = ended ?? { record: undefined };
  output.result({
    command: isPreview ? 'run --preview' : 'run --follow',
    target: cloud.target,
    period: period.id,
    executionArn,
    run,
    summary: summary ?? null,
    ...(clients ? { clients } : {}),
  });
  if (ended?.status !== 'SUCCEEDED') {
    output.line(
      output.style(
        'red',
        `The run ${ended?.status.toLowerCase() ?? 'did not start'}: ${ended?.failure ?? 'no reason is known'}`,
      ),
    );
    output.line(`See: npx halfmonth execution ${executionArn.slice(executionArn.lastIndexOf(':') + 1)}`);
    return EXIT.failed;
  }
  if (summary) showSummary(context, summary, isPreview);
  if (clients) {
    output.table(
      [{ heading: 'client' }, { heading: 'what' }, { heading: 'changes' }],
      clients
        .filter(({ change }) => change !== 'unchanged')
        .slice(0, CLIENTS_SHOWN)
        .map(({ clientId, change, difference = {} }) => [clientId, change, totalsWords(difference)]),
    );
    if (clients.length > CLIENTS_SHOWN)
      output.line(`The full list of ${plural(clients.length, 'client')}: with --json`);
  }
  return EXIT.done;
}

function showSummary({ output }: Context, summary: RunSummary, isPreview: boolean): void {
  const { clientsByChange, packages } = summary;
  const counts = Object.entries(packages).filter(([, count]) => (count ?? 0) > 0);
  output.line(
    `${plural(summary.events, 'event')} of ${plural(summary.clients, 'client')}: ${totalsWords(summary.usage)}`,
  );
  if (isPreview && clientsByChange) {
    output.line(
      `clients: ${clientsByChange.new} new, ${clientsByChange.changed} changed, ${clientsByChange.unchanged} unchanged`,
    );
  }
  output.line(`packages: ${counts.map(([state, count]) => `${state} ${count}`).join(', ') || 'none'}`);
  output.line(`${isPreview ? 'would change' : 'changed'} what is billed by: ${totalsWords(summary.difference)}`);
  if (isPreview && summary.forecast) output.line(forecastWords(summary.forecast));
  for (const warning of summary.warnings ?? []) output.line(output.style('yellow', warning));
  if (summary.certificateHash) output.line(output.style('green', `certified: ${summary.certificateHash}`));
}

function forecastWords({ packages, expectedEndAt }: NonNullable<RunSummary['forecast']>): string {
  if (packages === 0) return 'nothing to send';
  return `sending ${plural(packages, 'package')} would end about ${expectedEndAt}, started now`;
}

async function previewOf(cloud: Cloud, { runId, record }: LatestRun) {
  const runs = new RunStore(cloud.tables);
  const clients = [];
  // Written by close-period.
  for await (const entry of listingOf(runs, runId, Number(record.chunkCount ?? 0))) clients.push(entry);
  return clients;
}
