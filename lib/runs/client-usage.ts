import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { type FoldedDay, fullerDay, isSameDay, passingEventsOf } from '../packages/day-fold.ts';
import type { ClientUsage } from '../packages/document.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { ChunkWork } from './chunk-work.ts';

/** A client's usage in a period, and what has to be written so that the daily records say the same. */
export interface SettledUsage {
  usage: ClientUsage;
  changedDays: { day: Day; folded: FoldedDay }[];
  /** Days that hold all the late events that their slices hold. */
  foldedDays: ReadonlySet<Day>;
  /** Days whose slices have fewer events than the daily record, though none should have expired. */
  daysWithMissingSlices: number;
}

/** No run has ever folded a day, and its slices may have expired: what was used on it is not known for certain. */
export class DayNeverFolded extends HalfmonthError {
  readonly code = 'DAY_NEVER_FOLDED';
  readonly clientId: string;
  readonly day: Day;

  constructor(clientId: string, day: Day) {
    super(
      `No run has folded ${day} of ${clientId} into its daily record, and slices of that day may have expired since. ` +
        'Restore the usage slices table as it was; if none have gone, raise billing.eventMaxAgeDays until the day is within it.',
    );
    this.clientId = clientId;
    this.day = day;
  }
}

/**
 * Takes each day from its record and its slices (see `fullerDay`): a record holds what slices held that have expired,
 * or were left out by a restore.
 * @throws DayNeverFolded
 */
export function settleUsage(
  { clientId, days, folded: slicesByDay }: Pick<ClientRecords, 'clientId' | 'days' | 'folded'>,
  work: Pick<ChunkWork, 'isFirstClose' | 'mayHaveExpired'>,
): SettledUsage {
  const foldedDays = new Set<Day>();
  const settled: SettledUsage = { usage: [], changedDays: [], foldedDays, daysWithMissingSlices: 0 };
  const usage: { day: Day; totals: FoldedDay['totals']; events: number }[] = [];
  const withoutRecord = new Set(slicesByDay.keys());
  for (const kept of days) {
    const { day } = kept;
    withoutRecord.delete(day);
    const isExpired = work.mayHaveExpired(day);
    if (isExpired && work.isFirstClose && kept.events === 0) throw new DayNeverFolded(clientId, day);
    const slices = slicesByDay.get(day);
    if (!isExpired && isLess(slices, kept)) settled.daysWithMissingSlices += 1;
    if (!slices) {
      usage.push(kept);
      continue;
    }
    const folded = fullerDay(kept, slices);
    // Whatever of the day is late stands in lasting slices.
    const hasLasting = slices.lasting !== undefined && slices.lasting.events === folded.lasting?.events;
    if (folded === slices || hasLasting) foldedDays.add(day);
    usage.push({ day, ...folded });
    if (!isSameDay(kept, folded)) settled.changedDays.push({ day, folded });
  }
  // Counting makes the record first: these have lost theirs.
  for (const day of withoutRecord) {
    const folded = slicesByDay.get(day);
    if (!folded) continue;
    if (work.mayHaveExpired(day)) throw new DayNeverFolded(clientId, day);
    foldedDays.add(day);
    usage.push({ day, ...folded });
    settled.changedDays.push({ day, folded });
  }
  usage.sort((one, other) => (one.day < other.day ? -1 : 1));
  return { ...settled, usage };
}

function isLess(slices: FoldedDay | undefined, kept: FoldedDay): boolean {
  if (!slices) return kept.events > 0;
  return kept.events > slices.events || passingEventsOf(kept) > passingEventsOf(slices);
}
