import { RedriveExecutionCommand } from '@aws-sdk/client-sfn';
import type { Context } from '../connection/context.ts';
import { describeExecution, executionArnOf, periodOfExecution } from '../executions/executions.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';

/** Lets a failed or stopped execution go on where it ended. */
export async function run(context: Context, given: string): Promise<ExitCode> {
  const cloud = await context.cloud();
  const client = await cloud.stepFunctions();
  const executionArn = executionArnOf(cloud, given);
  const described = await describeExecution(client, executionArn);
  const { name, status, redriveStatus, redriveStatusReason } = described;
  if (redriveStatus !== 'REDRIVABLE') {
    throw new CommandFailed(
      'NOT_REDRIVABLE',
      `${name} is ${status?.toLowerCase()} and cannot be redriven${redriveStatusReason ? `: ${redriveStatusReason}` : ''}. ` +
        `A new run of the period does what is left: ${command('run')} PERIOD`,
    );
  }
  if (!(await context.confirm(`Redrive ${name}? It goes on sending packages.`))) {
    context.output.line('Nothing was done.');
    return EXIT.failed;
  }
  await cloud.intervene({
    kind: 'redrive',
    subjects: new Map([[periodOfExecution(cloud, described), [executionArn]]]),
  });
  await client.send(new RedriveExecutionCommand({ executionArn }));
  context.output.result({ command: 'redrive', target: cloud.target, executionArn });
  context.output.line(`${name} goes on. Watch it: ${command('status')}, ${command('execution')} ${name}`);
  return EXIT.done;
}
