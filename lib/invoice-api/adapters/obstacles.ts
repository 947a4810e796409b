import type { PackageDocument } from '../../packages/document.ts';
import type { SubmitRequest } from '../invoice-api.ts';
import type { InvoiceApiAdapter } from './adapter.ts';
import { linesToBill } from './billed-quantity.ts';
import { tooManyDecimals } from './decimal-places.ts';

/** What is known of clients at the API. */
export interface Customers {
  /** The client's name there; undefined when nobody has said it. */
  customerOf(clientId: string): Promise<string | undefined>;
}

/** Says what keeps a package from being sent through an adapter, in words for a person; undefined when nothing does. */
export type ObstacleOf = (request: Pick<SubmitRequest, 'body'>) => Promise<string | undefined>;

/** What keeps packages from being sent: what the mapping of clients or the settings of the stage do not say. */
export function obstaclesOf(adapter: InvoiceApiAdapter, customers: Customers): ObstacleOf {
  return async ({ body }) => {
    // Our own bytes, written by packaging.
    const document = JSON.parse(body) as PackageDocument;
    const lines = linesToBill(document, adapter.toldQuantity);
    const unmapped = lines.filter(({ meter }) => !adapter.meters.has(meter)).map(({ meter }) => meter);
    const found = [
      (await customers.customerOf(document.clientId)) === undefined ? unmappedClient(document.clientId) : undefined,
      unmapped.length > 0 ? unmappedMeters(unmapped) : undefined,
      tooManyDecimals(lines, adapter.facts.quantityDecimals, adapter.toldQuantity !== undefined),
      adapter.obstacle?.(lines.filter(({ meter }) => adapter.meters.has(meter))),
    ].filter((obstacle) => obstacle !== undefined);
    return found.length > 0 ? `Not sent: ${found.join('; ')}.` : undefined;
  };
}

/** In words for a person. */
export const unmappedClient = (clientId: string): string => `client ${clientId} has no customer at the invoice API`;

const unmappedMeters = (meters: readonly string[]): string =>
  `${meters.map((meter) => `meter ${meter}`).join(', ')} ${meters.length > 1 ? 'are' : 'is'} not in invoiceApi.settings.meters`;
