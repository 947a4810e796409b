import type { Period } from '../../lib/periods/periods.ts';
import { ChunkSteps } from '../../lib/runs/chunk-steps.ts';
import type { RunSummary } from '../../lib/runs/close-period.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { type NextStep, stepsAfterFailure } from '../periods/next-steps.ts';
import { countStates, type LatestRun } from '../periods/period-status.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { plural, totalsWords } from '../terminal/words.ts';
import { causeOf } from './failed-chunks.ts';

const CLIENTS_SHOWN = 50;

/** A run whose execution was followed to its end. */
export interface EndedRun {
  /** The command that shows it, for `--json`. */
  shownBy: string;
  period: Period;
  executionArn: string;
  /** Absent when it never opened its period. */
  ended: LatestRun | undefined;
  isPreview: boolean;
}

/** Shows what a run came to. */
export async function showEnd(
  context: Context,
  cloud: Cloud,
  { shownBy, period, executionArn, ended, isPreview }: EndedRun,
): Promise<ExitCode> {
  const { output } = context;
  // Written by close-period.
  const summary = ended?.record.summary as RunSummary | undefined;
  const clients = isPreview && ended?.status === 'SUCCEEDED' ? await previewOf(cloud, ended) : undefined;
  const { record: _record, ...run } = ended ?? { record: undefined };
  output.result({
    command: shownBy,
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
    output.line(`See: ${command('execution')} ${executionArn.slice(executionArn.lastIndexOf(':') + 1)}`);
    for (const step of await stepsOf(cloud, period, ended)) output.line(`${step.why}: ${step.command}`);
    return EXIT.failed;
  }
  if (summary) showSummary(context, summary, isPreview);
  if (clients?.length === 0) {
    const whom = ended.clients ? `${ended.clients.join(', ')} has no usage and no package` : 'Nobody has usage';
    output.line(output.style('yellow', `${whom} in ${period.id}: a run would do nothing.`));
    return EXIT.foundProblem;
  }
  if (clients) {
    output.table(
      [{ heading: 'client' }, { heading: 'what' }, { heading: 'changes' }],
      clients
        .filter(({ change }) => change !== 'unchanged')
        .slice(0, CLIENTS_SHOWN)
        .map(({ clientId, change, difference = {} }) => [clientId, change, totalsWords(difference)]),
    );
    const kept = clients.filter(({ obstacles = [] }) => obstacles.length > 0);
    if (kept.length > 0) {
      const parked = `${plural(kept.length, 'client')} would not be billed, since packages would be parked:`;
      output.line(output.style('yellow', parked));
      const reasons = kept.flatMap(({ clientId, obstacles = [] }) =>
        obstacles.map((reason) => `  ${clientId}: ${reason}`),
      );
      for (const reason of reasons.slice(0, CLIENTS_SHOWN)) output.line(reason);
      if (reasons.length > CLIENTS_SHOWN) output.line(`  and ${reasons.length - CLIENTS_SHOWN} more: with --json`);
    }
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
  for await (const entry of new ChunkSteps(runs, runId, 'preview').listing(Number(record.chunkCount ?? 0)))
    clients.push(entry);
  return clients;
}

/** What to do about a run that did not succeed. */
async function stepsOf(cloud: Cloud, period: Period, ended: LatestRun | undefined): Promise<NextStep[]> {
  if (!ended) return [];
  return stepsAfterFailure({
    periodId: period.id,
    run: { ...ended, failure: await causeOf(cloud, ended) },
    packages: await countStates(cloud, period),
    tokenParameter: cloud.outputs.InvoiceApiTokenParameter,
  });
}
