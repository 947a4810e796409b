import { type Decimal, negate } from '../decimal/decimal.ts';
import type { Day } from '../periods/days.ts';

/**
 * The source of events that take back what was counted. Their ids follow from what they correct, so one thing is
 * corrected once, however often it is asked for; and they are counted whatever their age.
 */
export const CORRECTION_SOURCE = 'halfmonth:correction';

/** An event that takes usage back. */
export interface Correction {
  origin: { source: string; id: string };
  clientId: string;
  day: Day;
  /** RFC 3339, UTC. */
  time: string;
  meter: string;
  quantity: Decimal;
}

/** What is to be taken back of one event: it, and its identity as 32 hexadecimal digits. */
export type CorrectedEvent = Omit<Correction, 'origin'> & { identity: string };

/** Takes back one event that was counted. */
export function correctionOfEvent({ identity, quantity, ...event }: CorrectedEvent): Correction {
  const id = ['event', event.clientId, event.day, identity].join(' ');
  return { ...event, origin: { source: CORRECTION_SOURCE, id }, quantity: negate(quantity) };
}

/**
 * Takes back a day's total of one meter.
 * @param events how many events of the client the day holds: any event more makes another total, and so another
 * correction
 */
export function correctionOfDay({
  quantity,
  events,
  ...total
}: Omit<Correction, 'origin'> & { events: number }): Correction {
  const id = ['day', total.clientId, total.day, total.meter, events].join(' ');
  return { ...total, origin: { source: CORRECTION_SOURCE, id }, quantity: negate(quantity) };
}

/** The CloudEvent that says a correction, as text. */
export function correctionText({ origin, clientId, time, meter, quantity }: Correction): string {
  return JSON.stringify({
    specversion: '1.0',
    ...origin,
    type: 'halfmonth.correction',
    subject: clientId,
    time,
    data: { meter, quantity },
  });
}
