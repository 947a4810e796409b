import definition from '#invoice-api-adapter';
import type { InvoiceApiAdapter } from '../../lib/invoice-api/adapters/adapter.ts';

/** What `invoiceApi.settings` of the stage says: packaging puts it here. */
declare const INVOICE_API_SETTINGS: unknown;

/** The adapter that packaging chose, made from the stage's settings. */
export function chosenAdapter(): InvoiceApiAdapter {
  return definition.create(definition.settings.parse(INVOICE_API_SETTINGS));
}
