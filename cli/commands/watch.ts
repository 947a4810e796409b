import { lastEndedPeriod, type Period, periodOf } from '../../lib/periods/periods.ts';
import type { RunInput } from '../../lib/runs/run.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { describeExecution, executionArnOf } from '../executions/executions.ts';
import { followRun } from '../executions/follow-run.ts';
import { showEnd } from '../executions/run-end.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { CommandFailed } from '../terminal/errors.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';

const PERIOD_ID = /^\d{4}-\d{2}-H[12]$/;

/** Follows a run to its end, started by a person, by the schedule or by a redrive. */
export async function run(context: Context, given: string | undefined): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { period, executionArn, isPreview } =
    given === undefined || PERIOD_ID.test(given)
      ? await runOfPeriod(cloud, periodOrLast(given, cloud, context.output))
      : await runOfExecution(cloud, given);
  const ended = await followRun(context, cloud, period, executionArn);
  return showEnd(context, cloud, { shownBy: 'watch', period, executionArn, ended, isPreview });
}

interface FollowedRun {
  period: Period;
  executionArn: string;
  isPreview: boolean;
}

/** The run that has the period, else its latest. */
async function runOfPeriod(cloud: Cloud, period: Period): Promise<FollowedRun> {
  const runs = new RunStore(cloud.tables);
  const lock = await runs.loadLock(period.id);
  const [latest] = (await runs.listRunRecords(period.id)).filter(({ mode }) => mode !== 'preview');
  const executionArn = lock?.executionArn ?? latest?.executionArn;
  if (typeof executionArn === 'string') return { period, executionArn, isPreview: false };
  throw new CommandFailed(
    'NO_RUN',
    `${period.id} has had no run yet. Start one and watch it: ${command('run')} ${period.id} --follow`,
  );
}

async function runOfExecution(cloud: Cloud, given: string): Promise<FollowedRun> {
  const executionArn = executionArnOf(cloud, given);
  const { input, startDate } = await describeExecution(await cloud.stepFunctions(), executionArn);
  // Its first step has checked it, or says what is wrong with it.
  const { period, mode } = JSON.parse(input ?? '{}') as Partial<RunInput>;
  return {
    period: period ? periodOf(period) : lastEndedPeriod(Number(startDate), cloud.calendar),
    executionArn,
    isPreview: mode === 'preview',
  };
}
