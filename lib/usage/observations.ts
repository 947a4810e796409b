import { instantOf } from '../events/consumption-event.ts';
import type { BillingCalendar } from '../periods/days.ts';
import { type PeriodId, periodIdOfDay } from '../periods/periods.ts';

/** What counting saw and did not count. */
export interface Observations {
  /** Deliveries of events that were counted already. */
  duplicates: number;
  /** Events that can never count. */
  rejected: number;
}

/**
 * The period that a rejected event would have belonged to: by its time if that can be read and the calendar reaches so
 * far, else by when the queue received it.
 * @param receivedAt RFC 3339
 */
export function periodOfRejected(body: string, receivedAt: string, calendar: BillingCalendar): PeriodId {
  return periodIdOfDay(calendar.dayOf(timeOf(body) ?? Date.parse(receivedAt)));
}

/** Times beyond these are typing errors, and no period. */
const EARLIEST = Date.parse('2000-01-01T00:00:00Z');
const LATEST = Date.parse('2100-01-01T00:00:00Z');

function timeOf(body: string): number | undefined {
  try {
    // Whatever is not an object with a time is handled like one without.
    const time = (JSON.parse(body) as { time?: unknown } | null)?.time;
    const instant = typeof time === 'string' ? instantOf(time) : undefined;
    return instant !== undefined && instant >= EARLIEST && instant < LATEST ? instant : undefined;
  } catch {
    return undefined;
  }
}
