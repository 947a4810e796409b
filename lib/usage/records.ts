import type { MeterKind } from '../meters/measure.ts';
import type { Day } from '../periods/days.ts';

/**
 * Exact decimals by meter, as plain decimal strings: `{"api_calls": "1250", "storage_gb_hours": "0.125"}`. A meter that
 * is no sum is named with its kind, as in `seats#maximum`; where days and slices are kept, values are as
 * `lib/meters/measure.ts` says.
 */
export type MeterTotals = Record<string, string>;

/** One client's totals for one day. Made when the day's first event is counted, folded from the slices by packaging. */
export interface DailyRecord {
  clientId: string;
  day: Day;
  totals: MeterTotals;
  events: number;
  /** RFC 3339, UTC; absent while nothing has been folded. */
  firstEventAt?: string;
  lastEventAt?: string;
}

/** An event that was counted after its period had been closed. It stands in the slice that counted it. */
export interface LateEvent {
  /** The event's identity, 32 hexadecimal digits (see `lib/events/identity.ts`). */
  identity: string;
  meter: string;
  quantity: string;
  /** RFC 3339, UTC. */
  countedAt: string;
  /** RFC 3339, UTC. */
  eventTime: string;
  /** Absent: a sum. */
  kind?: MeterKind;
}
