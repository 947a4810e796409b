import type { PlanDependencies } from '../../lib/runs/plan.ts';
import { readControlTotal } from '../../lib/store/control-total-store.ts';
import { RecordWeights } from '../../lib/store/daily-record-marks.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What plan works with.
 * @throws InvalidEnvironment naming every fault
 */
export function planningDependencies(environment: Environment): PlanDependencies {
  const variables = readVariables(
    environment,
    'RUNS_TABLE',
    'DAILY_RECORDS_TABLE',
    'SLICE_MINUTES',
    'PACKAGING_RECORDS_PER_SECOND',
    'PACKAGING_TARGET_SECONDS',
  );
  const tables = tablesOf(variables);
  return {
    runs: new RunStore(tables),
    weights: new RecordWeights(tables, variables.SLICE_MINUTES),
    controlTotal: (periodId) => readControlTotal(tables, periodId),
    recordsPerSecond: variables.PACKAGING_RECORDS_PER_SECOND,
    targetSeconds: variables.PACKAGING_TARGET_SECONDS,
    now: Date.now,
  };
}
