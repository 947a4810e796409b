import pLimit from 'p-limit';
import type { Period } from '../../lib/periods/periods.ts';
import type { RunSummary } from '../../lib/runs/close-period.ts';
import { periodsToWatch } from '../../lib/runs/watch-periods.ts';
import { hasControlTotal } from '../../lib/store/control-total-store.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { OutstandingPackages } from '../../lib/store/outstanding-packages.ts';
import { type RunRecord, RunStore } from '../../lib/store/run-store.ts';
import { hasUsage } from '../../lib/store/usage-reader.ts';
import type { Cloud } from '../connection/cloud.ts';

/** A period in which something waits for a person or a run. One in which nothing was counted has nothing to close. */
export interface OpenPeriod {
  period: Period;
  /** False where usage was counted and no run has closed it. */
  isClosed: boolean;
  packagesParked: number;
  /** As the run that closed the period left them: nobody is billed for their usage. */
  packagesRejected: number;
  lateEventsNotYetBilled: number;
}

/** The same of any period, and whether anything was counted in it. */
export interface PeriodStanding extends OpenPeriod {
  isUsed: boolean;
  /** RFC 3339, UTC; null where no run has closed it. */
  lastClosedAt: string | null;
}

/** Events that are older than a year are looked at by naming their period: a question must be answered at once. */
const LONGEST_LOOK_BACK_DAYS = 366;
/** Each asks every bucket: all of a year at once would be hundreds of requests waiting for one another. */
const PERIODS_AT_ONCE = 8;

/** The periods that the alarms look at, at most those of a year, the latest first. */
export function watchedPeriods({ calendar, outputs }: Cloud): Period[] {
  const eventMaxAgeDays = Math.min(Number(outputs.EventMaxAgeDays), LONGEST_LOOK_BACK_DAYS);
  return periodsToWatch({ calendar, eventMaxAgeDays, now: Date.now });
}

/** Looks at periods, a few at a time; the answers in the order of the periods. */
export function eachPeriod<Answer>(
  periods: readonly Period[],
  look: (period: Period) => Promise<Answer>,
): Promise<Answer[]> {
  return pLimit(PERIODS_AT_ONCE).map(periods, look);
}

/** Those of the watched periods in which something is open, the latest first. */
export async function openPeriods(cloud: Cloud): Promise<OpenPeriod[]> {
  const periods = await eachPeriod(watchedPeriods(cloud), (period) => standingOf(cloud, period));
  return periods
    .filter(
      ({ isClosed, packagesParked, packagesRejected, lateEventsNotYetBilled }) =>
        !isClosed || packagesParked + packagesRejected + lateEventsNotYetBilled > 0,
    )
    .map(({ isUsed: _isUsed, lastClosedAt: _lastClosedAt, ...open }) => open);
}

/** How a period stands that the alarms look at. */
export async function standingOf(cloud: Cloud, period: Period): Promise<PeriodStanding> {
  const { tables } = cloud;
  const { state, runs } = await new RunStore(tables).loadPeriod(period.id);
  const parked = mayHaveParked(runs) ? parkedIn(cloud, period) : 0;
  if (!state?.lastClosedAt) {
    const [isUsed, packagesParked] = await Promise.all([runs.length > 0 || isCountedIn(cloud, period), parked]);
    // Before a period is closed once, its next run bills everything.
    const nothing = { packagesRejected: 0, lateEventsNotYetBilled: 0, lastClosedAt: null };
    return { period, isUsed, isClosed: !isUsed, packagesParked, ...nothing };
  }
  const [packagesParked, late] = await Promise.all([parked, new LateLedger(tables).notYetBilled(period.id)]);
  return {
    period,
    isUsed: true,
    isClosed: true,
    packagesParked,
    packagesRejected: rejectedAfter(runs),
    lateEventsNotYetBilled: late.events,
    lastClosedAt: state.lastClosedAt,
  };
}

/** Whether packages of a period may be parked, without a look at them. */
export async function mayBeParkedIn({ tables }: Cloud, { id }: Period): Promise<boolean> {
  return mayHaveParked((await new RunStore(tables).loadPeriod(id)).runs);
}

/**
 * Runs alone park packages, and one that has finished has counted those that are: where each since the last over
 * everybody has finished and found none, there is none.
 * @param runs of a period, the latest first
 */
function mayHaveParked(runs: readonly RunRecord[]): boolean {
  for (const { mode, clients, summary } of runs) {
    if (mode === 'preview') continue;
    // Written by close-period; `clients` only where the run was for some.
    const counted = summary as RunSummary | undefined;
    if (counted?.packages.parked !== 0) return true;
    if (!clients) return false;
  }
  return false;
}

/** Processed and rejected packages are in no index: the record of the last run over everybody has their number. */
function rejectedAfter(runs: readonly RunRecord[]): number {
  const closed = runs.find(({ mode, clients, summary }) => mode === 'close' && !clients && summary !== undefined);
  return (closed?.summary as RunSummary | undefined)?.packages.rejected ?? 0;
}

/** Ingestion's own account is one read, every bucket sixteen; what was counted before there was one has none. */
async function isCountedIn({ tables }: Cloud, { id }: Period): Promise<boolean> {
  return (await hasControlTotal(tables, id)) || hasUsage(tables, id);
}

function parkedIn({ tables }: Cloud, { id }: Period): Promise<number> {
  const outstanding = new OutstandingPackages(tables);
  return outstanding.count({ periodId: id, buckets: { from: 0, to: BUCKETS - 1 } }, 'parked');
}
