import type { PlanningEnvironment } from '../config/planning-environment.ts';
import { createDocumentClient } from '../store/document-client.ts';
import { createDynamoDbClient } from '../store/dynamodb-client.ts';
import { RecordWeights } from '../store/record-weights.ts';
import { RunStore } from '../store/run-store.ts';
import type { PlanResources } from './plan.ts';

/** Wires planning to its tables. */
export function planningResources(environment: PlanningEnvironment): PlanResources {
  const client = createDynamoDbClient();
  return {
    runs: new RunStore(createDocumentClient(client), environment.RUNS_TABLE),
    weights: new RecordWeights(client, environment.DAILY_RECORDS_TABLE, environment.SLICE_MINUTES),
    recordsPerSecond: environment.PACKAGING_RECORDS_PER_SECOND,
    targetSeconds: environment.PACKAGING_TARGET_SECONDS,
    now: Date.now,
  };
}
