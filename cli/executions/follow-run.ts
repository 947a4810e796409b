import { setTimeout as delay } from 'node:timers/promises';
import { PACKAGE_STATES } from '../../lib/packages/package.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { type CalendarPicture, pictureOf } from '../invoice-api/calendar-picture.ts';
import { standstillWords } from '../invoice-api/standstill.ts';
import {
  countStates,
  type LatestRun,
  runOf,
  type StateCounts,
  statesWords,
  watchStates,
} from '../periods/period-status.ts';
import { bar } from '../terminal/bar.ts';
import type { Output } from '../terminal/output.ts';
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
  let told: string | undefined;
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
    const picture = await pictureNow(cloud);
    const standstill = isOver ? undefined : standstillWords(picture);
    const lines = linesOf(context, period, run, {
      status,
      states,
      finishedSince: isOver ? 0 : watched.finishedSince,
      startedAt,
      picture,
      standstill,
      isOver,
    });
    if (!output.isLive && standstill !== told) {
      // In a pipe it stands once for each block, not with every count.
      if (standstill) output.line(`${period.id}: ${standstill}`);
      told = standstill;
    }
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

async function pictureNow(cloud: Cloud): Promise<CalendarPicture> {
  const calendar = await new QuotaCalendarStore(cloud.tables, 'invoice-api').load();
  return pictureOf(calendar, cloud.quota, { now: Date.now(), cells: 0, cellMilliseconds: 1 });
}

/** What is seen at one look at a run. */
interface Look {
  status: string;
  states: StateCounts;
  finishedSince: number;
  /** When the watching began. */
  startedAt: number;
  picture: CalendarPicture;
  /** Why nothing is sent; absent where something is. */
  standstill: string | undefined;
  isOver: boolean;
}

function linesOf(
  { output }: Context,
  period: Period,
  run: LatestRun | undefined,
  { status, states, finishedSince, startedAt, picture, standstill, isOver }: Look,
): string[] {
  if (!output.isLive) return [];
  const total = finishedSince + Object.values(states).reduce((sum, count) => sum + count, 0);
  const since = run ? Date.parse(run.startedAt) : startedAt;
  return [
    `${output.style('bold', period.id)}  ${status.toLowerCase()} ${isOver ? 'after' : 'for'} ${durationWords(Date.now() - since)}`,
    ...PACKAGE_STATES.filter((state) => states[state] > 0).map(
      (state) => `  ${state.padEnd(10)}${String(states[state]).padStart(8)}  ${bar(states[state] / total, BAR_WIDTH)}`,
    ),
    ...(finishedSince > 0 ? [`  finished meanwhile ${finishedSince}`] : []),
    ...(isOver ? [] : underWayLines(output, run, picture, standstill)),
  ];
}

/** What says something only while the run goes on. */
function underWayLines(
  output: Output,
  run: LatestRun | undefined,
  picture: CalendarPicture,
  standstill: string | undefined,
): string[] {
  return [
    ...picture.windows.map(
      ({ kinds, requests, seconds, used }) =>
        `  quota     ${`${used} of ${requests}`.padStart(12)}  ${kinds.join(' and ')} in ${durationWords(seconds * 1000)}`,
    ),
    ...(run?.forecast && !standstill ? [`  sending ends about ${run.forecast.expectedEndAt}`] : []),
    ...(standstill ? [output.style('red', `  ${standstill}`)] : []),
    output.style('dim', '  Ctrl-C ends the watching, not the run.'),
  ];
}
