import { setTimeout as delay } from 'node:timers/promises';
import { PACKAGE_STATES } from '../../lib/packages/package.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { pictureOf } from '../invoice-api/calendar-picture.ts';
import {
  countStates,
  type LatestRun,
  runOf,
  type StateCounts,
  statesWords,
  watchStates,
} from '../periods/period-status.ts';
import { bar } from '../terminal/bar.ts';
import { durationWords } from '../terminal/words.ts';
import { findExecution } from './executions.ts';

const BAR_WIDTH = 30;
const STARTS_WITHIN_MILLISECONDS = 60_000;

/**
 * Watches a run until its execution ends: packages by state, how full the quota is, when sending will be done. Ctrl-C
 * ends the watching, not the run.
 */
export async function followRun(
  context: Context,
  cloud: Cloud,
  period: Period,
  executionArn: string,
): Promise<LatestRun | undefined> {
  const { output } = context;
  const startedAt = Date.now();
  for (;;) {
    const run = await findRun(cloud, period, executionArn);
    const status = run?.status ?? (await findExecution(await cloud.stepFunctions(), executionArn))?.status ?? 'UNKNOWN';
    const isUnknown = status === 'UNKNOWN' && Date.now() - startedAt > STARTS_WITHIN_MILLISECONDS;
    const isOver = !['RUNNING', 'PENDING_REDRIVE', 'UNKNOWN'].includes(status) || isUnknown;
    // A run for a few clients counted those alone.
    const watched = await watchStates(cloud, period, run?.clients ? undefined : run?.counts);
    // The last word is exact, however long it takes.
    const states = isOver && !watched.isNow ? await countStates(cloud, period) : watched.states;
    const since = isOver || watched.finishedSince === 0 ? '' : `, finished meanwhile ${watched.finishedSince}`;
    const lines = await linesOf(
      context,
      cloud,
      period,
      run,
      status,
      states,
      isOver ? 0 : watched.finishedSince,
      startedAt,
    );
    await output.live(lines, `${period.id} ${status.toLowerCase()}: ${statesWords(states)}${since}`);
    if (isOver) {
      output.endLive();
      // What the last step wrote down may have come after the record was read, and before the end was.
      return (await findRun(cloud, period, executionArn)) ?? run;
    }
    await delay(cloud.target.kind === 'local' ? 500 : 5_000);
  }
}

async function findRun(cloud: Cloud, period: Period, executionArn: string): Promise<LatestRun | undefined> {
  const records = await new RunStore(cloud.tables).listRunRecords(period.id);
  const record = records.find((each) => each.executionArn === executionArn);
  return record && runOf(cloud, record, period.id);
}

async function linesOf(
  { output }: Context,
  cloud: Cloud,
  period: Period,
  run: LatestRun | undefined,
  status: string,
  states: StateCounts,
  finishedSince: number,
  startedAt: number,
): Promise<string[]> {
  if (!output.isLive) return [];
  const total = finishedSince + Object.values(states).reduce((sum, count) => sum + count, 0);
  const calendar = await new QuotaCalendarStore(cloud.tables, 'invoice-api').load();
  const picture = pictureOf(calendar, cloud.quota, { now: Date.now(), cells: 0, cellMilliseconds: 1 });
  const since = run ? Date.parse(run.startedAt) : startedAt;
  return [
    `${output.style('bold', period.id)}  ${status.toLowerCase()} for ${durationWords(Date.now() - since)}`,
    ...PACKAGE_STATES.filter((state) => states[state] > 0).map(
      (state) => `  ${state.padEnd(10)}${String(states[state]).padStart(8)}  ${bar(states[state] / total, BAR_WIDTH)}`,
    ),
    ...(finishedSince > 0 ? [`  finished meanwhile ${finishedSince}`] : []),
    ...picture.windows.map(
      ({ kinds, requests, seconds, used }) =>
        `  quota     ${`${used} of ${requests}`.padStart(12)}  ${kinds.join(' and ')} in ${durationWords(seconds * 1000)}`,
    ),
    ...(run?.forecast && !picture.blockedUntil ? [`  sending ends about ${run.forecast.expectedEndAt}`] : []),
    ...(picture.blockedUntil
      ? [
          output.style(
            'red',
            `  nothing is sent until ${new Date(picture.blockedUntil).toISOString()}${picture.blockedBy ? `, after: ${picture.blockedBy}` : ''}`,
          ),
        ]
      : []),
    output.style('dim', '  Ctrl-C ends the watching, not the run.'),
  ];
}
