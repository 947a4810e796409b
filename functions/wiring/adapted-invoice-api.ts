import { adaptedInvoiceApi } from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import { authorizationOf } from '../../lib/invoice-api/adapters/authorization.ts';
import { parameterAccessToken } from '../../lib/invoice-api/adapters/parameter-access-token.ts';
import type { InvoiceApi } from '../../lib/invoice-api/invoice-api.ts';
import { type ParameterToken, parameterToken } from '../../lib/invoice-api/parameter-token.ts';
import { AccessTokenClaim } from '../../lib/store/access-token-store.ts';
import { ClientStore } from '../../lib/store/client-store.ts';
import { chosenAdapter } from './chosen-adapter.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * The invoice API behind the adapter that packaging chose. Stands in for `invoice-api.ts` in the bundles of such a
 * stage.
 * @throws InvalidEnvironment naming every fault
 */
export function invoiceApiFrom(environment: Environment): { api: InvoiceApi; token: ParameterToken } {
  const read = readVariables(
    environment,
    'RUNS_TABLE',
    'INVOICE_API_URL',
    'INVOICE_API_TOKEN_PARAMETER',
    'INVOICE_API_CONCURRENCY',
    'REQUEST_TIMEOUT_SECONDS',
  );
  const tables = tablesOf(read);
  const adapter = chosenAdapter();
  const token = parameterToken(read.INVOICE_API_TOKEN_PARAMETER);
  const claim = new AccessTokenClaim(tables);
  const keeper = parameterAccessToken(read.INVOICE_API_TOKEN_PARAMETER, (milliseconds) => claim.claim(milliseconds));
  const api = adaptedInvoiceApi(adapter, {
    baseUrl: read.INVOICE_API_URL,
    customers: new ClientStore(tables),
    authorization: authorizationOf(adapter.authentication, read.INVOICE_API_URL, token.provide, keeper),
    timeoutMilliseconds: read.REQUEST_TIMEOUT_SECONDS * 1000,
    maximumConnections: read.INVOICE_API_CONCURRENCY,
  });
  return { api, token };
}
