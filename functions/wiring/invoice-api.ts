import { httpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import type { InvoiceApi } from '../../lib/invoice-api/invoice-api.ts';
import { type ParameterToken, parameterToken } from '../../lib/invoice-api/parameter-token.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * The invoice API that a function's environment names, and its token. Made once, so that connections outlive
 * invocations.
 * @throws InvalidEnvironment naming every fault
 * @throws InvoiceApiMisconfigured when the address cannot be used
 */
export function invoiceApiFrom(environment: Environment): {
  api: InvoiceApi;
  token: ParameterToken;
} {
  const read = readVariables(
    environment,
    'INVOICE_API_URL',
    'INVOICE_API_TOKEN_PARAMETER',
    'INVOICE_API_CONCURRENCY',
    'REQUEST_TIMEOUT_SECONDS',
  );
  const token = parameterToken(read.INVOICE_API_TOKEN_PARAMETER);
  const api = httpInvoiceApi({
    baseUrl: read.INVOICE_API_URL,
    token: token.provide,
    timeoutMilliseconds: read.REQUEST_TIMEOUT_SECONDS * 1000,
    maximumConnections: read.INVOICE_API_CONCURRENCY,
  });
  return { api, token };
}
