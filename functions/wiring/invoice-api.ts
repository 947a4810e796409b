import * as z from 'zod/mini';
import { httpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import type { InvoiceApi } from '../../lib/invoice-api/invoice-api.ts';
import { type ParameterToken, parameterToken } from '../../lib/invoice-api/parameter-token.ts';
import { readEnvironment, requiredText, webAddress, wholeNumber } from './environment.ts';

const apiEnvironment = z.object({
  INVOICE_API_URL: webAddress(),
  INVOICE_API_TOKEN_PARAMETER: requiredText(),
  INVOICE_API_CONCURRENCY: wholeNumber(1, 200),
  REQUEST_TIMEOUT_SECONDS: wholeNumber(1, 300),
});

/**
 * The invoice API that a function's environment names, and its token. Made once, so that connections outlive invocations.
 * @throws InvalidEnvironment naming every fault
 * @throws InvoiceApiMisconfigured when the address cannot be used
 */
export function invoiceApiFrom(environment: Record<string, string | undefined>): {
  api: InvoiceApi;
  token: ParameterToken;
} {
  const read = readEnvironment(apiEnvironment, environment);
  const token = parameterToken(read.INVOICE_API_TOKEN_PARAMETER);
  const api = httpInvoiceApi({
    baseUrl: read.INVOICE_API_URL,
    token: token.provide,
    timeoutMilliseconds: read.REQUEST_TIMEOUT_SECONDS * 1000,
    maximumConnections: read.INVOICE_API_CONCURRENCY,
  });
  return { api, token };
}
