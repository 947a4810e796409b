import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { Identity } from '../events/identity.ts';
import type { BillingCalendar } from '../periods/days.ts';
import type { SliceId } from './slice-page.ts';

/** The distinct events of a batch that belong to one slice, and the messages they came in. */
export interface SliceGroup extends SliceId {
  /** Unique for the slice. */
  key: string;
  events: ConsumptionEvent[];
  /** Also those messages that only repeat an event: if it is not counted, they have to come again too. */
  messages: Set<number>;
  /** Events left out because the batch holds them already. */
  repeated: number;
}

/** An event and the number of its message. */
export interface DeliveredEvent {
  event: ConsumptionEvent;
  message: number;
}

/** Groups a batch by client, day and slice: each group becomes, as a rule, one write. */
export function groupBySlice(delivered: Iterable<DeliveredEvent>, calendar: BillingCalendar): SliceGroup[] {
  const groups = new Map<string, { group: SliceGroup; identities: Set<Identity> }>();
  for (const { event, message } of delivered) {
    const { day, slice } = calendar.positionOf(event.instant);
    const key = `${event.clientId}#${day}#${slice}`;
    let entry = groups.get(key);
    if (!entry) {
      const group = { key, clientId: event.clientId, day, slice, events: [], messages: new Set<number>(), repeated: 0 };
      entry = { group, identities: new Set() };
      groups.set(key, entry);
    }
    entry.group.messages.add(message);
    if (entry.identities.has(event.identity)) entry.group.repeated += 1;
    else {
      entry.identities.add(event.identity);
      entry.group.events.push(event);
    }
  }
  return [...groups.values()].map(({ group }) => group);
}
