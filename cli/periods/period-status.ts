import { PACKAGE_STATES, type PackageState } from '../../lib/packages/package.ts';
import type { Period, PeriodId } from '../../lib/periods/periods.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { countPackages, type OutstandingSummary, summarizeOutstanding } from '../../lib/store/package-reader.ts';
import { type RunRecord, RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import { failureWords, findExecution } from '../executions/executions.ts';

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
  const records = await new RunStore(cloud.tables).listRunRecords(period.id);
  const record = records.find(({ mode }) => mode !== 'preview');
  return record && runOf(cloud, record, period.id);
}

/** A run with what Step Functions says of its execution. */
export async function runOf(cloud: Cloud, found: RunRecord, periodId: PeriodId): Promise<LatestRun> {
  // First the execution: of one that has ended, the record is then complete.
  const execution = await findExecution(await cloud.stepFunctions(), String(found.executionArn));
  const record = (await new RunStore(cloud.tables).loadRunRecord(periodId, found.startedAt, found.runId)) ?? found;
  // Written by open-period, plan-sends and close-period under these names.
  const { runId, startedAt, executionArn, mode, finishedAt, clients, counts, forecast } = record as RunRecord &
    Omit<LatestRun, 'record' | 'status'>;
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
  return (await countPackages(cloud.tables, selection, signal ? { signal } : {})).states;
}

/** How long a glance may take before what the run wrote down will do, in milliseconds. */
const GLANCE_MILLISECONDS = 400;

/** How packages stand, when that was, and whether it still is so. */
export interface Glance {
  states: StateCounts;
  countedAt: string;
  isNow: boolean;
}

/**
 * The counts now. Reading every head takes long where there are many, so what the run counted last is held against what
 * remains: if as many are done as then, none has moved between processed and rejected since, and the rest is known from
 * what remains. If not, all are counted anew, or, where that takes too long, shown as the run counted them.
 * @param kept absent: the counts now, however long it takes
 */
export async function glanceAtStates(
  cloud: Cloud,
  period: Period,
  kept: KeptCounts | undefined,
  outstanding: OutstandingSummary['states'],
): Promise<Glance> {
  const countedAt = new Date().toISOString();
  if (!kept) return { states: await countStates(cloud, period), countedAt, isNow: true };
  const states = { ...kept.states, ...outstanding };
  if (sumOf(states) === sumOf(kept.states)) return { states, countedAt, isNow: true };
  const counted = await countBriefly(cloud, period);
  return counted
    ? { states: counted, countedAt, isNow: true }
    : { states: kept.states, countedAt: kept.at, isNow: false };
}

/** The counts now, if they can be had at a glance. */
async function countBriefly(cloud: Cloud, period: Period): Promise<StateCounts | undefined> {
  const glance = new AbortController();
  const timer = setTimeout(() => glance.abort(), GLANCE_MILLISECONDS);
  try {
    return await countStates(cloud, period, glance.signal);
  } catch (error) {
    if (glance.signal.aborted) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** How packages stand, for somebody who watches. */
export interface WatchedStates {
  states: StateCounts;
  /** Whether all of it is of now; if not, what remains is. */
  isNow: boolean;
  /** Packages that came to their end since the run counted them, and are in no state here. */
  finishedSince: number;
}

/**
 * The counts for somebody who looks every few seconds: never waits for all heads to be read. Where they are too many
 * for a glance, what remains is of now, and what was finished since the run counted last is a number of its own.
 */
export async function watchStates(cloud: Cloud, period: Period, kept: KeptCounts | undefined): Promise<WatchedStates> {
  const outstanding = (await summarizeOutstanding(cloud.tables, period.id)).states;
  if (!kept) {
    const counted = await countBriefly(cloud, period);
    const states = counted ?? { ...outstanding, processed: 0, rejected: 0 };
    return { states, isNow: counted !== undefined, finishedSince: 0 };
  }
  const { states, isNow } = await glanceAtStates(cloud, period, kept, outstanding);
  if (isNow) return { states, isNow, finishedSince: 0 };
  const mixed = { ...states, ...outstanding };
  return { states: mixed, isNow, finishedSince: Math.max(0, sumOf(states) - sumOf(mixed)) };
}

/** All packages of a period, whatever their state. */
export function sumOf(states: Partial<StateCounts>): number {
  return Object.values(states).reduce((total, count) => total + count, 0);
}

/** `ready 3, submitted 10, processed 287`: the states that any package is in. */
export function statesWords(states: Partial<StateCounts>): string {
  const words = PACKAGE_STATES.filter((state) => (states[state] ?? 0) > 0).map((state) => `${state} ${states[state]}`);
  return words.join(', ') || 'no packages yet';
}
