import { type FoldedDay, isSameDay } from '../packages/day-fold.ts';
import type { ClientUsage } from '../packages/document.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';

/** A client's usage in a period, and what has to be written so that the daily records say the same. */
export interface SettledUsage {
  usage: ClientUsage;
  changedDays: { day: Day; folded: FoldedDay }[];
  /** Days that were taken from their slices. */
  foldedDays: ReadonlySet<Day>;
  /** Days whose slices have fewer events than the daily record. */
  daysWithMissingSlices: number;
}

/**
 * Takes each day from its slices, or from its daily record where the slices may be gone. A count of events never shrinks, so a
 * day whose slices have fewer than its record has lost some (they expired early, or a restore left them out), and the record is
 * right.
 * @param isFrozen whether a day's slices may have expired
 */
export function settleUsage(records: ClientRecords, isFrozen: (day: Day) => boolean): SettledUsage {
  const foldedDays = new Set<Day>();
  const settled: SettledUsage = { usage: [], changedDays: [], foldedDays, daysWithMissingSlices: 0 };
  const usage: { day: Day; totals: FoldedDay['totals']; events: number }[] = [];
  const withoutRecord = new Set(records.folded.keys());
  for (const kept of records.days) {
    withoutRecord.delete(kept.day);
    const folded = isFrozen(kept.day) ? undefined : records.folded.get(kept.day);
    const isMissing = !isFrozen(kept.day) && kept.events > (folded?.events ?? 0);
    if (isMissing) settled.daysWithMissingSlices += 1;
    if (!folded || isMissing) {
      usage.push(kept);
      continue;
    }
    foldedDays.add(kept.day);
    usage.push({ day: kept.day, ...folded });
    if (!isSameDay(kept, folded)) settled.changedDays.push({ day: kept.day, folded });
  }
  // Slices whose daily record is still to be made: counting was cut off between the two.
  for (const day of withoutRecord) {
    const folded = records.folded.get(day);
    if (!folded || isFrozen(day)) continue;
    foldedDays.add(day);
    usage.push({ day, ...folded });
    settled.changedDays.push({ day, folded });
  }
  usage.sort((one, other) => (one.day < other.day ? -1 : 1));
  return { ...settled, usage };
}
