import { defineAdapter, type InvoiceApiAdapter, type Step, type Submission } from '../adapter.ts';
import { at, textAt } from '../json-paths.ts';
import { nextOfCorrection } from './credit-notes.ts';
import { linesBeyondCredit } from './invoice-lines.ts';
import { listedDocuments, listedItems } from './listing.ts';
import { nextItem } from './pending-items.ts';
import { type StripeSettings, stripeSettings } from './settings.ts';
import { nextStep } from './steps.ts';

/** The version that the types are of (`ApiVersion` in the package `stripe` 23.1). */
const STRIPE_VERSION = '2026-10-28.endive';

/**
 * A package becomes an invoice of the client's customer: a draft, its lines in bulk, finalized unless the settings say
 * otherwise.
 */
export default defineAdapter({
  name: 'Stripe',
  baseUrl: 'https://api.stripe.com',
  // https://docs.stripe.com/rate-limits: 100 requests a second live, 25 in a sandbox; each endpoint 25.
  quotas: { 'stripe-live': '25/1', 'stripe-sandbox': '20/1' },
  settings: stripeSettings,
  create: (chosen): InvoiceApiAdapter => ({
    facts: {
      requestsPerSubmission: requestsOf(chosen),
      idsPerRead: 100,
      namesSubmission: true,
      // https://docs.stripe.com/api/idempotent_requests: removed once they are at least 24 hours old.
      keyRetentionMilliseconds: 24 * 3600 * 1000,
      // `quantity_decimal` in InvoiceAddLinesParams of the package `stripe` 23.1.
      quantityDecimals: 12,
    },
    authentication: { kind: 'bearer' },
    headers: { 'stripe-version': STRIPE_VERSION },
    meters: new Set(Object.keys(chosen.meters)),
    obstacle: (lines) => linesBeyondCredit(lines, chosen),
    settingChecks: Object.entries(chosen.meters).map(([name, { price }]) => ({
      setting: `invoiceApi.settings.meters.${name}`,
      request: { method: 'GET', path: `/v1/prices/${encodeURIComponent(price)}` },
      fault: ({ status, json }) => (status === 404 ? `Stripe knows no price ${price}` : faultOfPrice(json, chosen)),
    })),
    step: (submission) => wayOf(chosen)(submission, chosen),
    list: (periodId, cursor) =>
      chosen.becomes === 'invoice' ? listedDocuments(periodId, cursor, chosen) : listedItems(periodId, cursor),
  }),
});

/** How packages are billed. */
function wayOf({ becomes, takenBack }: StripeSettings): (submission: Submission, chosen: StripeSettings) => Step {
  if (becomes === 'pending-items') return nextItem;
  return takenBack === 'credit-note' ? nextOfCorrection : nextStep;
}

function requestsOf({ becomes, finalize, meters }: StripeSettings): number {
  if (becomes === 'pending-items') return Math.max(1, Object.keys(meters).length);
  return finalize ? 3 : 2;
}

/** https://docs.stripe.com/api/prices/object */
function faultOfPrice(price: unknown, { currency }: StripeSettings): string | undefined {
  const [id, given, scheme] = ['id', 'currency', 'billing_scheme'].map((name) => textAt(price, name));
  if (given !== currency) return `the price ${id} is in ${given}, and invoiceApi.settings.currency is ${currency}`;
  if (at(price, 'active') !== true) return `the price ${id} is not active`;
  return scheme === 'per_unit' ? undefined : `the price ${id} is ${scheme}, and only one per unit can be billed so`;
}
