import { exactSums } from './exact-sums.ts';
import { namesOf } from './names.ts';
import type { VendorAnswer, VendorRules } from './vendor-api.ts';

/** Events in a page of a listing unless another number is asked for. */
const PAGE_SIZE = 100;

/** The billable metrics of the organisation, each with the field that it sums. */
const METRICS = { calls: 'count', storage: 'gb_hours', egress: 'gb', compute: 'seconds', points: 'count' };

interface LagoEvent {
  transaction_id?: unknown;
  external_subscription_id?: unknown;
  code?: unknown;
  timestamp?: unknown;
  properties?: Record<string, unknown>;
}

interface Kept {
  subscription: string;
  code: string;
  value: string;
  transaction: string;
  /** As it is listed. */
  shown: { timestamp: string; external_subscription_id: string; lago_id: string };
}

/** Lago's events as its documentation says they behave (https://getlago.com/docs/api-reference/events/batch). */
export function lagoRules(
  closedSubscriptions: readonly string[] = [],
  metrics: Readonly<Record<string, string>> = METRICS,
): VendorRules {
  const newName = namesOf('lago');
  const events = new Map<string, Kept>();

  const faultsOf = (event: LagoEvent): Record<string, string[]> | undefined => {
    const { transaction_id: transaction, external_subscription_id: subscription, code } = event;
    if (typeof transaction !== 'string' || transaction === '') return { transaction_id: ['value_is_mandatory'] };
    if (typeof code !== 'string' || code === '') return { code: ['value_is_mandatory'] };
    if (typeof subscription !== 'string' || closedSubscriptions.includes(subscription)) {
      return { external_subscription_id: [`subscription_not_found ${String(subscription)}`] };
    }
    if (events.has(`${subscription} ${transaction}`)) return { transaction_id: ['value_already_exist'] };
    return undefined;
  };

  const batch = (text: string): VendorAnswer => {
    const { events: given } = JSON.parse(text) as { events?: LagoEvent[] };
    if (!Array.isArray(given) || given.length === 0) return invalid({ events: ['value_is_mandatory'] });
    if (given.length > 100) return invalid({ events: ['too_many_events'] });
    const faults = given.flatMap((event, index) => {
      const found = faultsOf(event);
      return found ? [[String(index), found] as const] : [];
    });
    // One fault refuses the batch (https://github.com/getlago/lago-api/pull/4772).
    if (faults.length > 0) return invalid(Object.fromEntries(faults));
    for (const event of given) {
      const [, value] = Object.entries(event.properties ?? {}).find(([name]) => !name.startsWith('halfmonth_')) ?? [];
      const subscription = String(event.external_subscription_id);
      const transaction = String(event.transaction_id);
      events.set(`${subscription} ${transaction}`, {
        subscription,
        code: String(event.code),
        value: String(value),
        transaction,
        shown: {
          ...event,
          external_subscription_id: subscription,
          timestamp: new Date(Number(event.timestamp) * 1_000).toISOString(),
          lago_id: newName(),
        },
      });
    }
    return { status: 200, body: { events: given } };
  };

  const listed = (query: URLSearchParams): VendorAnswer => {
    const from = Date.parse(query.get('timestamp_from') ?? '1970-01-01T00:00:00Z');
    const to = Date.parse(query.get('timestamp_to') ?? '9999-12-31T00:00:00Z');
    const subscription = query.get('external_subscription_id');
    const found = [...events.values()]
      .filter((each) => subscription === null || each.subscription === subscription)
      .map(({ shown }) => shown)
      .filter(({ timestamp }) => Date.parse(timestamp) >= from && Date.parse(timestamp) <= to);
    const size = Number(query.get('per_page') ?? PAGE_SIZE);
    const page = Number(query.get('page') ?? 1);
    const pages = Math.ceil(found.length / size);
    const meta = { current_page: page, next_page: page < pages ? page + 1 : null, total_pages: pages };
    return { status: 200, body: { events: found.slice((page - 1) * size, page * size), meta } };
  };

  const sums = (of: Iterable<{ code: string; value: string }>) =>
    exactSums([...of].map(({ code, value }) => [code, value] as const));
  return {
    answer: ({ method, path, query, text }) => {
      if (method === 'POST' && path === '/api/v1/events/batch') return batch(text);
      if (method === 'GET' && path === '/api/v1/events') return listed(query);
      const [, code] = /^\/api\/v1\/billable_metrics\/(.+)$/.exec(path) ?? [];
      const field = code && metrics[code];
      if (method === 'GET' && field) {
        return { status: 200, body: { billable_metric: { code, aggregation_type: 'sum_agg', field_name: field } } };
      }
      return { status: 404, body: { status: 404, error: 'Not Found', code: 'object_not_found' } };
    },
    throttled: (seconds) => ({
      status: 429,
      headers: { 'retry-after': String(seconds), 'x-ratelimit-reset': String(seconds) },
      body: { status: 429, error: 'Too Many Requests', code: 'too_many_requests' },
    }),
    unauthorized: () => ({ status: 401, body: { status: 401, error: 'Unauthorized' } }),
    failed: () => ({ status: 500, body: { status: 500, error: 'Internal Server Error' } }),
    isAuthorized: ({ headers }, token) => headers.authorization === `Bearer ${token}`,
    billed: () => sums(events.values()),
    billedTo: (customer) => sums([...events.values()].filter(({ subscription }) => subscription === customer)),
    packages: () => [...new Set([...events.values()].map(({ transaction }) => transaction.split('.r')[0] ?? ''))],
  };
}

const invalid = (details: unknown): VendorAnswer => ({
  status: 422,
  body: { status: 422, error: 'Unprocessable Entity', code: 'validation_errors', error_details: details },
});
