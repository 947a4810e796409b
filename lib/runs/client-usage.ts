import { type FoldedDay, foldedSince, isSameDay } from '../packages/day-fold.ts';
import type { ClientUsage } from '../packages/document.ts';
import type { Day } from '../periods/days.ts';
import type { ClientRecords } from '../store/client-reader.ts';

/** A client's usage in a period, and what has to be written so that the daily records say the same. */
export interface SettledUsage {
  usage: ClientUsage;
  changedDays: { day: Day; folded: FoldedDay }[];
  /** Days that hold all the late events that their slices hold. */
  foldedDays: ReadonlySet<Day>;
  /** Days whose slices have fewer events than the daily record. */
  daysWithMissingSlices: number;
}

/**
 * Takes each day from its slices, or from its daily record where the slices may be gone. A count of events never shrinks, so a
 * day whose slices have fewer than its record has lost some (they expired early, or a restore left them out), and the record is
 * right. What came after the period's end stands in slices that never expire; what of it came after the day was folded is added.
 * @param isFrozen whether a day's slices may have expired
 */
export function settleUsage(records: ClientRecords, isFrozen: (day: Day) => boolean): SettledUsage {
  const foldedDays = new Set<Day>();
  const settled: SettledUsage = { usage: [], changedDays: [], foldedDays, daysWithMissingSlices: 0 };
  const usage: { day: Day; totals: FoldedDay['totals']; events: number }[] = [];
  const withoutRecord = new Set(records.folded.keys());
  for (const kept of records.days) {
    withoutRecord.delete(kept.day);
    const slices = records.folded.get(kept.day);
    const isMissing = !isFrozen(kept.day) && kept.events > (slices?.events ?? 0);
    if (isMissing) settled.daysWithMissingSlices += 1;
    const folded = isFrozen(kept.day) || isMissing ? foldedSince(kept, slices?.lasting) : slices;
    if (!folded) {
      usage.push(kept);
      continue;
    }
    // Whatever of the day is late stands in lasting slices.
    const hasLasting = slices?.lasting !== undefined && slices.lasting.events === folded.lasting?.events;
    if (folded === slices || hasLasting) foldedDays.add(kept.day);
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
