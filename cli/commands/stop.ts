import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { callerWords } from '../../lib/interventions/intervention.ts';
import type { Context } from '../connection/context.ts';
import { describeExecution, executionArnOf, periodOfExecution } from '../executions/executions.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';

/** Stops an execution. What it has sent stays sent; a redrive or another run goes on from there. */
export async function run(context: Context, given: string, options: { reason?: string }): Promise<ExitCode> {
  const cloud = await context.cloud();
  const client = await cloud.stepFunctions();
  const executionArn = executionArnOf(cloud, given);
  const described = await describeExecution(client, executionArn);
  const { name, status } = described;
  if (status !== 'RUNNING' && status !== 'PENDING_REDRIVE') {
    throw new CommandFailed('NOT_RUNNING', `${name} is ${status?.toLowerCase()}: there is nothing to stop.`);
  }
  if (!(await context.confirm(`Stop ${name}? Packages that are under way are seen through by the next run.`))) {
    context.output.line('Nothing was done.');
    return EXIT.failed;
  }
  const reason = options.reason?.trim() || 'no reason given';
  const subjects = new Map([[periodOfExecution(cloud, described), [executionArn]]]);
  const by = await cloud.intervene({ kind: 'stop', subjects, reason });
  // What Step Functions keeps at most of a cause.
  const cause = `${reason} (${callerWords(by)})`.slice(0, 32_768);
  await client.send(new StopExecutionCommand({ executionArn, error: 'StoppedByOperator', cause }));
  context.output.result({ command: 'stop', target: cloud.target, executionArn });
  context.output.line(`${name} is stopped. To go on: ${command('redrive')} ${name}`);
  return EXIT.done;
}
