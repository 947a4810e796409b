import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { Identity } from '../events/identity.ts';
import type { BillingCalendar, Day } from '../periods/days.ts';
import type { SliceId } from './slice-page.ts';
import { type SliceLength, sliceOfLength } from './slice-path.ts';

/** An event of a batch, and the messages it came in: if it is not counted, each of them has to come again. */
export interface DistinctEvent {
  event: ConsumptionEvent;
  messages: number[];
}

/** The distinct events of a batch that look for their place in one slice. */
export interface SliceGroup extends SliceId {
  /** Unique for the slice. */
  key: string;
  entries: DistinctEvent[];
  /** Events left out because the batch holds them already. */
  repeated: ConsumptionEvent[];
}

/** An event and the number of its message. */
export interface DeliveredEvent {
  event: ConsumptionEvent;
  message: number;
}

/** Groups events by client, day and the slice of a length: each group becomes, as a rule, one write at most. */
export function groupBySlice(
  events: Iterable<DistinctEvent>,
  length: SliceLength,
  calendar: BillingCalendar,
): SliceGroup[] {
  const groups = new Map<string, { group: SliceGroup; byIdentity: Map<Identity, DistinctEvent> }>();
  for (const entry of events) {
    const position = calendar.positionOf(entry.event.instant);
    const slice = sliceOfLength(length, position, calendar.sliceMinutes);
    const { clientId } = entry.event;
    const key = `${clientId}#${position.day}#${slice}`;
    let known = groups.get(key);
    if (!known) {
      known = { group: { key, clientId, day: position.day, slice, entries: [], repeated: [] }, byIdentity: new Map() };
      groups.set(key, known);
    }
    const same = known.byIdentity.get(entry.event.identity);
    if (same) {
      same.messages.push(...entry.messages);
      known.group.repeated.push(entry.event);
    } else {
      known.byIdentity.set(entry.event.identity, entry);
      known.group.entries.push(entry);
    }
  }
  return [...groups.values()].map(({ group }) => group);
}

/** Whether a day's events look into wide slices first; those of earlier days were counted before there were any. */
export function hasWideSlices(day: Day, wideSlicesFrom: Day): boolean {
  return day >= wideSlicesFrom;
}
