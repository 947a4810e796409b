import { exactSums } from './exact-sums.ts';
import type { VendorAnswer, VendorRules } from './vendor-api.ts';

interface LagoEvent {
  transaction_id?: unknown;
  external_subscription_id?: unknown;
  code?: unknown;
  timestamp?: unknown;
  properties?: Record<string, unknown>;
}

/** Lago's events as its documentation says they behave (https://getlago.com/docs/api-reference/events/batch). */
export function lagoRules(closedSubscriptions: readonly string[] = []): VendorRules {
  const events = new Map<string, { subscription: string; code: string; value: string; transaction: string }>();

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
      const [value] = Object.values(event.properties ?? {});
      const subscription = String(event.external_subscription_id);
      const transaction = String(event.transaction_id);
      events.set(`${subscription} ${transaction}`, {
        subscription,
        code: String(event.code),
        value: String(value),
        transaction,
      });
    }
    return { status: 200, body: { events: given.map((event) => ({ ...event, lago_id: 'simulated' })) } };
  };

  const sums = (of: Iterable<{ code: string; value: string }>) =>
    exactSums([...of].map(({ code, value }) => [code, value] as const));
  return {
    answer: ({ method, path, text }) =>
      method === 'POST' && path === '/api/v1/events/batch'
        ? batch(text)
        : { status: 404, body: { status: 404, error: 'Not Found', code: 'object_not_found' } },
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
