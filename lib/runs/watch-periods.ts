import type { BillingCalendar } from '../periods/days.ts';
import { endOfPeriod, lastEndedPeriod, type Period, type PeriodId, previousPeriod } from '../periods/periods.ts';
import type { LateLedger } from '../store/late-ledger.ts';
import type { OutstandingPackages } from '../store/outstanding-packages.ts';
import type { RunStore } from '../store/run-store.ts';
import type { Notifications } from './notifications.ts';

const MILLISECONDS_PER_HOUR = 3_600_000;
const MILLISECONDS_PER_DAY = 24 * MILLISECONDS_PER_HOUR;
const ALL_BUCKETS = { from: 0, to: 15 };
/** An event for EventBridge holds 256 KB (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html). */
const METERS_TOLD = 200;

/** How far back is looked at least: what waits for a person, or for a run, does not go away by itself. */
const WATCHED_DAYS = 366;

/** What the periods of the last year leave to be done; all zero when nothing does. */
export interface PeriodHealth {
  /** How long the schedule of the longest overdue period is past. */
  hoursSinceSchedule: number;
  /** Packages that wait for a person. */
  packagesParked: number;
  /** Late events of closed periods that no package holds yet. */
  lateUsageUnbilled: number;
}

/** What watching needs. */
export interface WatchResources {
  calendar: BillingCalendar;
  /** Hours between the end of a period and its scheduled run. */
  graceHours: number;
  /** Events older than this are not counted. */
  eventMaxAgeDays: number;
  runs: RunStore;
  outstanding: Pick<OutstandingPackages, 'count'>;
  late: Pick<LateLedger, 'notYetBilled'>;
  notifications: Notifications;
  hasUsage: (periodId: PeriodId) => Promise<boolean>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Looks at every ended period of the last year, and of as long as events can still reach it, and says what of it is not done: a close that did not
 * happen, packages that wait for a person, late usage that no package holds. Tells the world about the latter; changes nothing.
 */
export async function watchPeriods(resources: WatchResources): Promise<PeriodHealth> {
  const healths = await Promise.all(periodsToWatch(resources).map((period) => healthOf(period, resources)));
  return {
    hoursSinceSchedule: Math.max(0, ...healths.map((health) => health.hoursSinceSchedule)),
    packagesParked: healths.reduce((sum, health) => sum + health.packagesParked, 0),
    lateUsageUnbilled: healths.reduce((sum, health) => sum + health.lateUsageUnbilled, 0),
  };
}

/** The periods that have ended, the latest first. */
function periodsToWatch({ calendar, eventMaxAgeDays, now }: WatchResources): Period[] {
  const oldest = now() - Math.max(eventMaxAgeDays, WATCHED_DAYS) * MILLISECONDS_PER_DAY;
  const periods: Period[] = [];
  let period = lastEndedPeriod(now(), calendar);
  while (periods.length === 0 || endOfPeriod(period, calendar) > oldest) {
    periods.push(period);
    period = previousPeriod(period.id);
  }
  return periods;
}

async function healthOf(period: Period, resources: WatchResources): Promise<PeriodHealth> {
  const { runs, outstanding } = resources;
  const state = await runs.loadPeriodState(period.id);
  return {
    hoursSinceSchedule: state?.lastClosedAt ? 0 : await hoursOverdue(period, resources),
    packagesParked: await outstanding.count({ periodId: period.id, buckets: ALL_BUCKETS }, 'parked'),
    lateUsageUnbilled: state?.lastClosedAt ? await lateUsageOf(period.id, resources) : 0,
  };
}

/** A period in which nothing was counted is not missed. */
async function hoursOverdue(period: Period, { calendar, graceHours, hasUsage, now }: WatchResources): Promise<number> {
  const hours = (now() - endOfPeriod(period, calendar)) / MILLISECONDS_PER_HOUR - graceHours;
  return hours > 0 && (await hasUsage(period.id)) ? hours : 0;
}

/** Before a period is closed once, its next run bills everything. */
async function lateUsageOf(periodId: PeriodId, { late, notifications }: WatchResources): Promise<number> {
  const { events, totals } = await late.notYetBilled(periodId);
  const told = Object.fromEntries(Object.entries(totals).slice(0, METERS_TOLD));
  if (events > 0) await notifications.notify({ type: 'Late Usage', detail: { periodId, events, totals: told } });
  return events;
}
