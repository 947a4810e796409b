import { PACKAGE_STATES, type PackageState } from '../lib/packages/package.ts';
import type { Period } from '../lib/periods/periods.ts';
import { BUCKETS } from '../lib/store/keys.ts';
import { OutstandingPackages } from '../lib/store/outstanding-packages.ts';
import { countPackages } from '../lib/store/package-counts.ts';
import { type RunRecord, RunStore } from '../lib/store/run-store.ts';
import type { Cloud } from './cloud.ts';
import { failureWords, findExecution } from './executions.ts';

/** How packages stand, by state. */
export type StateCounts = Record<PackageState, number>;

/** Counts that a run wrote down, and when (RFC 3339, UTC). */
export interface KeptCounts {
  at: string;
  states: StateCounts;
}

/** The run that has a period, or had it last. */
export interface LatestRun {
  runId: string;
  executionArn: string;
  /** As Step Functions says, or `UNKNOWN` when it has forgotten the execution. */
  status: string;
  mode: string;
  startedAt: string;
  finishedAt?: string | undefined;
  clients?: string[] | undefined;
  failure?: string | undefined;
  /** How the packages of the run stood when it counted them last. */
  counts?: KeptCounts | undefined;
  forecast?: { packages: number; expectedEndAt: string; deadline?: string; isBeforeDeadline?: boolean } | undefined;
  record: RunRecord;
}

/** The latest run of a period that is no preview. */
export async function latestRun(cloud: Cloud, period: Period): Promise<LatestRun | undefined> {
  const records = await new RunStore(cloud.documents, cloud.outputs.RunsTableName).listRunRecords(period.id);
  const record = records.find(({ mode }) => mode !== 'preview');
  return record && runOf(cloud, record);
}

/** A run with what Step Functions says of its execution. */
export async function runOf(cloud: Cloud, record: RunRecord): Promise<LatestRun> {
  // Written by open-period, plan-sends and close-period under these names.
  const { runId, startedAt, executionArn, mode, finishedAt, clients, counts, forecast } = record as RunRecord &
    Omit<LatestRun, 'record' | 'status'>;
  const execution = await findExecution(await cloud.stepFunctions(), executionArn);
  return {
    runId,
    executionArn,
    status: execution?.status ?? (finishedAt ? 'SUCCEEDED' : 'UNKNOWN'),
    mode,
    startedAt,
    finishedAt,
    clients,
    counts,
    failure: execution && failureWords(execution),
    forecast,
    record,
  };
}

/** Counts packages by state from their heads: consistent, and a few seconds for a million. */
export async function countStates(cloud: Cloud, period: Period, signal?: AbortSignal): Promise<StateCounts> {
  const selection = { periodId: period.id, buckets: { from: 0, to: BUCKETS - 1 } };
  return (await countPackages(cloud.documents, cloud.outputs.PackagesTableName, selection, signal)).states;
}

/** How long a glance may take before what the run wrote down will do, in milliseconds. */
const GLANCE_MILLISECONDS = 400;

/**
 * The counts now, or, where there are so many packages that counting takes long, those that the run wrote down last.
 * @param kept absent: the counts now, however long it takes
 */
export async function glanceAtStates(
  cloud: Cloud,
  period: Period,
  kept: KeptCounts | undefined,
): Promise<{ states: StateCounts; countedAt: string; isNow: boolean }> {
  const countedAt = new Date().toISOString();
  if (!kept) return { states: await countStates(cloud, period), countedAt, isNow: true };
  const glance = new AbortController();
  const timer = setTimeout(() => glance.abort(), GLANCE_MILLISECONDS);
  const states = await countStates(cloud, period, glance.signal).catch((error: unknown) => {
    if (glance.signal.aborted) return undefined;
    throw error;
  });
  clearTimeout(timer);
  return states ? { states, countedAt, isNow: true } : { states: kept.states, countedAt: kept.at, isNow: false };
}

/** The package that has been with the API longest, and since when. */
export async function oldestSubmitted(
  cloud: Cloud,
  period: Period,
): Promise<{ packageId: string; submittedAt: number } | undefined> {
  const outstanding = new OutstandingPackages(cloud.documents, cloud.outputs.PackagesTableName);
  const ofBucket = async (bucket: number) => {
    let oldest: { packageId: string; submittedAt: number } | undefined;
    const selection = { periodId: period.id, buckets: { from: bucket, to: bucket } };
    for await (const { packageId, submittedAt } of outstanding.inState(selection, 'submitted')) {
      if (submittedAt !== undefined && submittedAt < (oldest?.submittedAt ?? Number.POSITIVE_INFINITY)) {
        oldest = { packageId, submittedAt };
      }
    }
    return oldest;
  };
  const all = await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => ofBucket(bucket)));
  return all.filter((each) => each !== undefined).sort((one, other) => one.submittedAt - other.submittedAt)[0];
}

/** `ready 3, submitted 10, processed 287`: the states that any package is in. */
export function statesWords(states: StateCounts): string {
  const words = PACKAGE_STATES.filter((state) => states[state] > 0).map((state) => `${state} ${states[state]}`);
  return words.join(', ') || 'none';
}

/** A bar of the funnel. */
export function bar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}
