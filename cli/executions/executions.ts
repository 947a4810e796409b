import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ExecutionDoesNotExist,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { lastEndedPeriod, type PeriodId } from '../../lib/periods/periods.ts';
import { InvalidRunInput, readRunInput } from '../../lib/runs/run.ts';
import type { Cloud } from '../connection/cloud.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { command } from '../terminal/next-command.ts';

/** The ARN of an execution that was named by its name or its ARN. */
export function executionArnOf(cloud: Cloud, given: string): string {
  if (given.startsWith('arn:')) return given;
  return `${cloud.outputs.BillingPeriodStateMachineArn.replace(':stateMachine:', ':execution:')}:${given}`;
}

/** What Step Functions says of an execution; nothing when it knows none (any more). */
export async function findExecution(
  client: SFNClient,
  executionArn: string,
): Promise<DescribeExecutionCommandOutput | undefined> {
  try {
    return await client.send(new DescribeExecutionCommand({ executionArn }));
  } catch (error) {
    if (error instanceof ExecutionDoesNotExist) return undefined;
    throw error;
  }
}

/** The same. @throws CommandFailed when there is none */
export async function describeExecution(
  client: SFNClient,
  executionArn: string,
): Promise<DescribeExecutionCommandOutput> {
  const found = await findExecution(client, executionArn);
  if (found) return found;
  const name = executionArn.slice(executionArn.lastIndexOf(':') + 1);
  throw new CommandFailed(
    'NO_EXECUTION',
    `Step Functions knows no execution ${name} (it forgets them after 90 days). See: ${command('executions')}`,
  );
}

/**
 * The period that an execution runs for: the one that its input names, else the one that had just ended, as its first
 * step takes it. Undefined where its input is none, so that it did nothing.
 */
export function periodOfExecution(
  cloud: Cloud,
  { input = '', startDate = new Date() }: Pick<DescribeExecutionCommandOutput, 'input' | 'startDate'>,
): PeriodId | undefined {
  try {
    return readRunInput(JSON.parse(input)).period ?? lastEndedPeriod(startDate.getTime(), cloud.calendar).id;
  } catch (error) {
    if (error instanceof InvalidRunInput || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Why an execution failed, in the words of the error that ended it. */
export function failureWords({ error, cause }: { error?: string | undefined; cause?: string | undefined }): string {
  if (!error && !cause) return '';
  let message = cause ?? '';
  try {
    // A Lambda's error comes as JSON.
    const { errorMessage } = JSON.parse(message) as { errorMessage?: unknown };
    if (typeof errorMessage === 'string') message = errorMessage;
  } catch {
    // Then it is words already.
  }
  return [error, message].filter(Boolean).join(': ');
}
