import { addDays } from '../../../periods/days.ts';
import { periodOf } from '../../../periods/periods.ts';
import type { DocumentReport, Listing } from '../adapter.ts';
import { at, listAt, textAt } from '../json-paths.ts';

/** Lago's description names no most (`per_page` of https://github.com/getlago/lago-openapi). */
const PAGE_SIZE = 100;

/**
 * The events of a period, of all subscriptions: Lago finds events by their time and by no name of ours
 * (`findAllEvents` of https://github.com/getlago/lago-openapi). Those of others are passed over.
 */
export function listedEvents(periodId: string, cursor: string | undefined): Listing {
  const { from, to } = periodOf(periodId);
  // Our events stand at noon of their day, which in some time zones is on the day before or after in UTC.
  const query = new URLSearchParams({
    timestamp_from: `${addDays(from, -1)}T00:00:00Z`,
    timestamp_to: `${addDays(to, 1)}T23:59:59Z`,
    page: cursor ?? '1',
    per_page: String(PAGE_SIZE),
  });
  return {
    request: { method: 'GET', path: `/api/v1/events?${query}` },
    reports({ json }) {
      if (!Array.isArray(at(json, 'events'))) return undefined;
      const packages = listAt(json, 'events').flatMap((event) => reportOf(event, periodId) ?? []);
      const next = at(json, 'meta', 'next_page');
      return { packages, ...(typeof next === 'number' ? { nextCursor: String(next) } : {}) };
    },
  };
}

function reportOf(event: unknown, periodId: string): DocumentReport | undefined {
  const [id, document, name, contentHash, since] = [
    textAt(event, 'properties', 'halfmonth_package'),
    textAt(event, 'transaction_id'),
    textAt(event, 'lago_id'),
    textAt(event, 'properties', 'halfmonth_content'),
    textAt(event, 'properties', 'halfmonth_since'),
  ];
  if (id === undefined || document === undefined || !id.startsWith(`${periodId}.`)) return undefined;
  return {
    id,
    status: 'processed',
    revision: Number(at(event, 'properties', 'halfmonth_revision')),
    document,
    documents: Number(at(event, 'properties', 'halfmonth_events')),
    ...(name === undefined ? {} : { name }),
    ...(contentHash === undefined ? {} : { contentHash }),
    ...(since === undefined ? {} : { since: Number(since) }),
  };
}
