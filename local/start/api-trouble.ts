import { blockOf, blockWords } from '../../cli/invoice-api/calendar-picture.ts';
import type { QuotaCalendar } from '../../lib/quota/calendar.ts';

/** Stays of less than this are the usual answer to a full quota. */
const NOTICED_MILLISECONDS = 2_000;
/** A person who sees nothing move wants to know why by then. */
const SILENCE_MILLISECONDS = 8_000;

/**
 * What is wrong with an invoice API as the sending of a run sees it, for a person: why nothing is sent and when the
 * next try is, or that it has never answered. Nothing while all is well; the same words for the same trouble.
 * @param hasAnswered whether any package has come further than being sent: a turn notes answers at its end only
 */
export function apiTrouble(calendar: QuotaCalendar, now: number, hasAnswered: boolean): string | undefined {
  const { blockedUntil, blockedBy } = blockOf(calendar, now);
  if (blockedUntil !== undefined && blockedUntil - now > NOTICED_MILLISECONDS) {
    const block = blockWords({ blockedUntil, ...(blockedBy === undefined ? {} : { blockedBy }) });
    return `Nothing is sent to the invoice API ${block}`;
  }
  const { open, answeredAt } = calendar;
  if (hasAnswered || answeredAt !== undefined || !open || now - open.openedAt < SILENCE_MILLISECONDS) return undefined;
  return (
    `The invoice API has not answered anything in ${SILENCE_MILLISECONDS / 1000} s. Each request is given up after its ` +
    'time-out and sent again later.'
  );
}
