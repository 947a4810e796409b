import { DescribeExecutionCommand, ExecutionDoesNotExist, type SFNClient } from '@aws-sdk/client-sfn';

/** What Step Functions says of an execution, or that it knows none of that name. */
export type ExecutionStatus =
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'ABORTED'
  | 'PENDING_REDRIVE'
  | 'UNKNOWN';

/** Looks executions up. */
export interface Executions {
  statusOf(executionArn: string): Promise<ExecutionStatus>;
}

/** Executions as Step Functions knows them. */
export function executionsOf(client: SFNClient): Executions {
  return {
    async statusOf(executionArn) {
      try {
        const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
        return status ?? 'UNKNOWN';
      } catch (error) {
        // Step Functions forgets executions 90 days after they end.
        if (error instanceof ExecutionDoesNotExist) return 'UNKNOWN';
        throw error;
      }
    },
  };
}
