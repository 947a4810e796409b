import type { PackageLine } from '../../../packages/lines.ts';
import { defineAdapter, type InvoiceApiAdapter } from '../adapter.ts';
import { toldQuantity } from '../billed-quantity.ts';
import { listedDocuments } from './listing.ts';
import { xeroSettings } from './settings.ts';
import { nextStep } from './steps.ts';

/**
 * A quantity is a double in Xero's description (https://github.com/XeroAPI/Xero-OpenAPI), which keeps so many digits
 * exactly.
 */
const EXACT_DIGITS = 15;

/** A package becomes an invoice to the client's contact; what a correction takes back becomes a credit note. */
export default defineAdapter({
  name: 'Xero',
  baseUrl: 'https://api.xero.com/api.xro/2.0',
  // https://developer.xero.com/documentation/guides/oauth2/limits: for each organisation, besides 5 requests at a time.
  quotas: { xero: '60/60,5000/86400' },
  settings: xeroSettings,
  create: (settings): InvoiceApiAdapter => ({
    facts: {
      // The second is the credit note of a correction; a refusal is looked up, which is rare.
      requestsPerSubmission: 1,
      idsPerRead: 100,
      namesSubmission: true,
      // The number is unique for ever, and is what we rely on; how long Xero keeps a key is not published in its
      // description.
      keyRetentionMilliseconds: Number.POSITIVE_INFINITY,
      // https://github.com/XeroAPI/Xero-OpenAPI/pull/260: a quantity is kept up to the fourth.
      quantityDecimals: 4,
    },
    // https://developer.xero.com/faq/custom-integration: tokens live for 30 minutes.
    authentication: {
      kind: 'client-credentials',
      tokenUrl: 'https://identity.xero.com/connect/token',
      scope: 'accounting.transactions',
    },
    headers: { 'xero-tenant-id': settings.tenantId },
    meters: new Set(Object.keys(settings.meters)),
    toldQuantity: (meter, quantity) => toldQuantity(quantity, settings.meters[meter] ?? {}),
    obstacle: tooManyDigits,
    step: (submission) => nextStep(submission, settings),
    list: (periodId, cursor) => listedDocuments(periodId, cursor, settings),
  }),
});

function tooManyDigits(lines: readonly PackageLine[]): string | undefined {
  const long = lines.find(({ quantity }) => quantity.replaceAll(/\D/g, '').length > EXACT_DIGITS);
  return (
    long &&
    `meter ${long.meter} has a quantity of more than ${EXACT_DIGITS} digits, which Xero does not keep exactly: bill it in ` +
      `larger units with invoiceApi.settings.meters.${long.meter}.per`
  );
}
