import type { BillingCalendar } from '../periods/days.ts';
import { endOfPeriod, lastEndedPeriod, type Period, type PeriodId, previousPeriod } from '../periods/periods.ts';
import { BUCKETS } from '../store/keys.ts';
import type { LateLedger } from '../store/late-ledger.ts';
import type { OutstandingPackages } from '../store/outstanding-packages.ts';
import type { RunStore } from '../store/run-store.ts';
import type { Notifications } from './notifications.ts';

const MILLISECONDS_PER_HOUR = 3_600_000;
const MILLISECONDS_PER_DAY = 24 * MILLISECONDS_PER_HOUR;
const ALL_BUCKETS = { from: 0, to: BUCKETS - 1 };
/**
 * An event for EventBridge holds 256 KB (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html).
 */
const METERS_TOLD = 200;

/** How far back is looked at least: what waits for a person, or for a run, does not go away by itself. */
const WATCHED_DAYS = 366;

/** Late usage is read no further when this little time is left, so that what was found is still told. */
const TIME_MARGIN_MILLISECONDS = 30_000;

/** What the periods of the last year leave to be done; all zero when nothing does. */
export interface PeriodHealth {
  /** How long the schedule of the longest overdue period is past; absent where no schedule runs. */
  hoursSinceSchedule?: number;
  /** Packages that wait for a person. */
  packagesParked: number;
  /** Packages that wait for a person's approval. */
  packagesHeld: number;
  /**
   * Late events of closed periods that no package holds yet: at least so many, where time ran short. Absent where it
   * ran short before any was found, since it is not known then.
   */
  lateUsageUnbilled?: number;
}

/** What watching needs. */
export interface WatchDependencies {
  calendar: BillingCalendar;
  /** Whether a schedule closes periods; it is not expected where none does. */
  isScheduled: boolean;
  /** Hours between the end of a period and its scheduled run. */
  graceHours: number;
  /** Events older than this are not counted. */
  eventMaxAgeDays: number;
  runs: RunStore;
  outstanding: Pick<OutstandingPackages, 'count'>;
  late: Pick<LateLedger, 'notYetBilled'>;
  notifications: Notifications;
  hasUsage: (periodId: PeriodId) => Promise<boolean>;
  /** Milliseconds left to this call. */
  remainingMilliseconds: () => number;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Looks at every ended period of the last year, and of as long as events can still reach it, and says what of it is not
 * done: a close that did not happen, packages that wait for a person, late usage that no package holds. Tells the world
 * about the latter; changes nothing.
 */
export async function watchPeriods(dependencies: WatchDependencies): Promise<PeriodHealth> {
  const periods = await Promise.all(periodsToWatch(dependencies).map((period) => healthOf(period, dependencies)));
  const closed = periods.flatMap(({ periodId, isClosed }) => (isClosed ? [periodId] : []));
  const late = await lateUsageOf(closed, dependencies);
  return {
    ...(dependencies.isScheduled ? { hoursSinceSchedule: Math.max(0, ...periods.map(({ overdue }) => overdue)) } : {}),
    packagesParked: periods.reduce((sum, { parked }) => sum + parked, 0),
    packagesHeld: periods.reduce((sum, { held }) => sum + held, 0),
    ...(late === undefined ? {} : { lateUsageUnbilled: late }),
  };
}

/** The ended periods of the last year, and of as long as events can still reach them, the latest first. */
export function periodsToWatch({
  calendar,
  eventMaxAgeDays,
  now,
}: Pick<WatchDependencies, 'calendar' | 'eventMaxAgeDays' | 'now'>): Period[] {
  const oldest = now() - Math.max(eventMaxAgeDays, WATCHED_DAYS) * MILLISECONDS_PER_DAY;
  const periods: Period[] = [];
  let period = lastEndedPeriod(now(), calendar);
  while (periods.length === 0 || endOfPeriod(period, calendar) > oldest) {
    periods.push(period);
    period = previousPeriod(period.id);
  }
  return periods;
}

/** How one period stands. */
interface HealthOfPeriod {
  periodId: PeriodId;
  isClosed: boolean;
  /** Hours since its schedule, 0 if it is closed. */
  overdue: number;
  parked: number;
  held: number;
}

async function healthOf(period: Period, dependencies: WatchDependencies): Promise<HealthOfPeriod> {
  const { runs, outstanding } = dependencies;
  const isClosed = Boolean((await runs.loadPeriodState(period.id))?.lastClosedAt);
  return {
    periodId: period.id,
    isClosed,
    overdue: isClosed ? 0 : await hoursOverdue(period, dependencies),
    parked: await outstanding.count({ periodId: period.id, buckets: ALL_BUCKETS }, 'parked'),
    held: await outstanding.count({ periodId: period.id, buckets: ALL_BUCKETS }, 'held'),
  };
}

/** A period in which nothing was counted is not missed. */
async function hoursOverdue(
  period: Period,
  { calendar, graceHours, hasUsage, now }: WatchDependencies,
): Promise<number> {
  const hours = (now() - endOfPeriod(period, calendar)) / MILLISECONDS_PER_HOUR - graceHours;
  return hours > 0 && (await hasUsage(period.id)) ? hours : 0;
}

/**
 * Late usage that waits for a run, and tells of it. Before a period is closed once, its next run bills everything.
 * @param closed the periods to look at, one after the other, since each may have much of it
 */
async function lateUsageOf(
  closed: readonly PeriodId[],
  { late, notifications, remainingMilliseconds }: WatchDependencies,
): Promise<number | undefined> {
  const isTimeUp = () => remainingMilliseconds() < TIME_MARGIN_MILLISECONDS;
  let sum = 0;
  let isComplete = true;
  for (const periodId of closed) {
    const { events, totals, isPartial } = await late.notYetBilled(periodId, isTimeUp);
    const told = Object.fromEntries(Object.entries(totals).slice(0, METERS_TOLD));
    if (events > 0) await notifications.notify({ type: 'Late Usage', detail: { periodId, events, totals: told } });
    sum += events;
    if (isPartial) isComplete = false;
  }
  return isComplete || sum > 0 ? sum : undefined;
}
