import { authorizedCaller, type TokenProvider } from './authorized-caller.ts';
import { packagesUrlOf, TooManyPackageIds } from './base-url.ts';
import { openConnections } from './http-exchange.ts';
import { encodedIds, IDS_PER_STATUS_READ, type InvoiceApi, type InvoiceApiFacts } from './invoice-api.ts';
import { periodOutcome, statusOutcome, submitOutcome } from './outcomes.ts';

export interface HttpInvoiceApiOptions {
  /** `https://invoices.example.com`, or with a path in front of `/v1`. */
  baseUrl: string;
  token: TokenProvider;
  /** From the call to the last byte of the answer, the token's reading included: nothing leaves after it. */
  timeoutMilliseconds: number;
  /** Connections at most, kept open between requests. */
  maximumConnections: number;
  /** Default 8 MiB: a hundred reports are some 30 KB, and a page of a listing is the API's choice. */
  maximumAnswerBytes?: number;
  /** Kept connections are dropped after this time without a request; default 4 s, under any server's own limit. */
  idleMilliseconds?: number;
  /**
   * A signal that aborts after so many milliseconds, for callers who live on another clock; default
   * `AbortSignal.timeout`.
   */
  timeoutSignal?: (milliseconds: number) => AbortSignal;
}

/** What the contract says (docs/invoice-api.openapi.yaml). */
const CONTRACT_FACTS: InvoiceApiFacts = {
  requestsPerSubmission: 1,
  idsPerRead: IDS_PER_STATUS_READ,
  namesSubmission: true,
  keyRetentionMilliseconds: 24 * 3600 * 1000,
};

/** An invoice API over HTTP, with connections that can be closed. */
export interface HttpInvoiceApi extends InvoiceApi {
  close(): void;
}

/**
 * Speaks the contract of `docs/invoice-api.openapi.yaml`. Redirects are not followed: the token goes to `baseUrl`
 * alone.
 * @throws InvoiceApiMisconfigured when `baseUrl` is no HTTP URL, or carries credentials, a query or a fragment
 */
export function httpInvoiceApi(options: HttpInvoiceApiOptions): HttpInvoiceApi {
  const packagesUrl = packagesUrlOf(options.baseUrl);
  const connections = openConnections({
    maximumAnswerBytes: 8 * 1024 * 1024,
    idleMilliseconds: 4_000,
    ...options,
  });
  const call = authorizedCaller(connections, options.token);

  return {
    facts: CONTRACT_FACTS,
    close: () => connections.close(),

    async submit({ idempotencyKey, body }, options) {
      const bytes = Buffer.from(body, 'utf8');
      const headers = {
        'content-type': 'application/json',
        'content-length': String(bytes.length),
        'idempotency-key': idempotencyKey,
      };
      return call(
        { method: 'POST', url: packagesUrl, headers, body: bytes },
        (result) => submitOutcome(result, idempotencyKey, packagesUrl),
        options,
      );
    },

    async statusOf(packageIds, options) {
      if (packageIds.length === 0 || packageIds.length > IDS_PER_STATUS_READ) {
        throw new TooManyPackageIds(packageIds.length, IDS_PER_STATUS_READ);
      }
      const { cursor } = options ?? {};
      const page = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const url = withQuery(packagesUrl, `ids=${encodedIds(packageIds)}${page}`);
      return call(
        { method: 'GET', url, headers: {} },
        (result) => statusOutcome(result, packageIds, packagesUrl),
        options,
      );
    },

    async listPeriod(periodId, cursor) {
      const query = new URLSearchParams({ period: periodId, ...(cursor === undefined ? {} : { cursor }) });
      const url = withQuery(packagesUrl, query.toString());
      return call({ method: 'GET', url, headers: {} }, (result) => periodOutcome(result, packagesUrl));
    },
  };
}

function withQuery(base: URL, query: string): URL {
  const url = new URL(base);
  url.search = query;
  return url;
}
