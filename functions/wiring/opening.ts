import { SFNClient } from '@aws-sdk/client-sfn';
import { BillingCalendar } from '../../lib/periods/days.ts';
import type { OpenPeriodDependencies } from '../../lib/runs/open-period.ts';
import { executionsOf } from '../../lib/runs/period-lock.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What open-period works with.
 * @throws InvalidEnvironment naming every fault
 */
export function openingDependencies(environment: Environment): OpenPeriodDependencies {
  const variables = readVariables(environment, 'BILLING_TIME_ZONE', 'RUNS_TABLE');
  return {
    // Slices play no part in opening a period.
    calendar: new BillingCalendar(variables.BILLING_TIME_ZONE, 60),
    runs: new RunStore(tablesOf(variables)),
    executions: executionsOf(new SFNClient()),
    now: Date.now,
  };
}
