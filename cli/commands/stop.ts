import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { Context } from '../connection/context.ts';
import { describeExecution, executionArnOf } from '../executions/executions.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';

/** Stops an execution. What it has sent stays sent; a redrive or another run goes on from there. */
export async function run(context: Context, given: string, options: { reason?: string }): Promise<ExitCode> {
  const cloud = await context.cloud();
  const client = await cloud.stepFunctions();
  const executionArn = executionArnOf(cloud, given);
  const { name, status } = await describeExecution(client, executionArn);
  if (status !== 'RUNNING' && status !== 'PENDING_REDRIVE') {
    throw new CommandFailed('NOT_RUNNING', `${name} is ${status?.toLowerCase()}: there is nothing to stop.`);
  }
  if (!(await context.confirm(`Stop ${name}? Packages that are under way are seen through by the next run.`))) {
    context.output.line('Nothing was done.');
    return EXIT.failed;
  }
  const cause = options.reason ?? 'no reason given';
  await client.send(new StopExecutionCommand({ executionArn, error: 'StoppedByOperator', cause }));
  context.output.result({ command: 'stop', target: cloud.target, executionArn });
  context.output.line(`${name} is stopped. To go on: ${command('redrive')} ${name}`);
  return EXIT.done;
}
