import * as z from 'zod/mini';
import type { PlanResources } from '../../lib/runs/plan.ts';
import { RecordWeights } from '../../lib/store/daily-record-marks.ts';
import { createDocumentClient } from '../../lib/store/document-client.ts';
import { createDynamoDbClient } from '../../lib/store/dynamodb-client.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { readEnvironment, requiredText, wholeNumber } from './environment.ts';

const schema = z.object({
  RUNS_TABLE: requiredText(),
  DAILY_RECORDS_TABLE: requiredText(),
  SLICE_MINUTES: wholeNumber(1, 60),
  PACKAGING_RECORDS_PER_SECOND: wholeNumber(1),
  PACKAGING_TARGET_SECONDS: wholeNumber(1),
});

/** What plan needs of its environment. */
export type PlanningEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function planningEnvironment(environment: Record<string, string | undefined>): PlanningEnvironment {
  return readEnvironment(schema, environment);
}

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
