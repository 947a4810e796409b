import { SendTaskSuccessCommand, SFNClient } from '@aws-sdk/client-sfn';
import type { AwaitApprovalDependencies } from '../../lib/runs/await-approval.ts';
import { ApprovalStore } from '../../lib/store/approval-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { notificationsOf } from './event-bus.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What await-approval works with.
 * @throws InvalidEnvironment naming every fault
 */
export function approvalDependencies(environment: Environment): AwaitApprovalDependencies {
  const tables = tablesOf(readVariables(environment, 'RUNS_TABLE'));
  const stepFunctions = new SFNClient();
  return {
    runs: new RunStore(tables),
    approvals: new ApprovalStore(tables),
    notifications: notificationsOf(environment),
    wake: async (taskToken) => {
      await stepFunctions.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }));
    },
    now: Date.now,
  };
}
