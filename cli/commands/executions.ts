import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import type { Context } from '../connection/context.ts';
import { command } from '../terminal/next-command.ts';
import { durationWords, timeWords } from '../terminal/words.ts';

/** Lists the executions of the state machine, the latest first. */
export async function run(context: Context, options: { limit: number }): Promise<undefined> {
  const cloud = await context.cloud();
  const client = await cloud.stepFunctions();
  const { executions: listed = [] } = await client.send(
    new ListExecutionsCommand({
      stateMachineArn: cloud.outputs.BillingPeriodStateMachineArn,
      maxResults: Math.min(options.limit, 1_000),
    }),
  );
  const executions = listed.map(({ name, executionArn, status, startDate, stopDate, redriveCount = 0 }) => ({
    name,
    executionArn,
    status,
    startedAt: startDate?.toISOString(),
    endedAt: stopDate?.toISOString() ?? null,
    redrives: redriveCount,
  }));
  context.output.result({ command: 'executions', target: cloud.target, executions });
  context.output.table(
    [
      { heading: 'execution' },
      { heading: 'status' },
      { heading: 'started' },
      { heading: 'took' },
      { heading: 'redrives', align: 'right' },
    ],
    executions.map(({ name = '', status = '', startedAt = '', endedAt, redrives }) => [
      name,
      status.toLowerCase(),
      startedAt && timeWords(Date.parse(startedAt)),
      durationWords((endedAt ? Date.parse(endedAt) : Date.now()) - Date.parse(startedAt)),
      String(redrives),
    ]),
  );
  if (executions.length === 0) context.output.line(`No execution yet. Start a run: ${command('run')}`);
  else context.output.line(`One in plain words: ${command('execution')} EXECUTION`);
}
