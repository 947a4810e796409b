import {
  type HeaderFields,
  type Parsed,
  parseAcceptance,
  parseReports,
  problemText,
  retryAfterMilliseconds,
} from './answers.ts';
import { InvoiceApiMisconfigured, packagesUrlOf, TooManyPackageIds } from './base-url.ts';
import { type Connections, type HttpRequest, type HttpResult, openConnections } from './http-exchange.ts';
import type {
  CredentialsRefused,
  Exchange,
  Invalid,
  InvoiceApi,
  InvoiceApiFacts,
  PeriodOutcome,
  RequestOptions,
  StatusOutcome,
  SubmitOutcome,
  Throttled,
  Unknown,
} from './invoice-api.ts';
import { encodedIds, IDS_PER_STATUS_READ } from './invoice-api.ts';

/**
 * Yields the bearer token, before each request. `refused` is the token that the API refused last, if any: a provider
 * that caches should then read its secret anew, which is all that a rotation needs.
 */
export type TokenProvider = (refused: string | undefined) => Promise<string>;

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
  /** A signal that aborts after so many milliseconds, for callers who live on another clock; default `AbortSignal.timeout`. */
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
 * Speaks the contract of `docs/invoice-api.openapi.yaml`. Redirects are not followed: the token goes to `baseUrl` alone.
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
      return call({ method: 'POST', url: packagesUrl, headers, body: bytes }, submitOutcome, options);
    },

    async statusOf(packageIds, options) {
      if (packageIds.length === 0 || packageIds.length > IDS_PER_STATUS_READ) {
        throw new TooManyPackageIds(packageIds.length, IDS_PER_STATUS_READ);
      }
      const url = withQuery(packagesUrl, `ids=${encodedIds(packageIds)}`);
      return call({ method: 'GET', url, headers: {} }, statusOutcome, options);
    },

    async listPeriod(periodId, cursor) {
      const query = new URLSearchParams({ period: periodId, ...(cursor === undefined ? {} : { cursor }) });
      return call({ method: 'GET', url: withQuery(packagesUrl, query.toString()), headers: {} }, periodOutcome);
    },
  };
}

function withQuery(base: URL, query: string): URL {
  const url = new URL(base);
  url.search = query;
  return url;
}

function authorizedCaller(connections: Connections, provide: TokenProvider) {
  let refused: string | undefined;
  return async <Outcome extends object>(
    request: HttpRequest,
    outcomeOf: (result: HttpResult) => Outcome,
    { onLeft }: RequestOptions = {},
  ): Promise<Outcome> => {
    const signal = connections.timeout();
    const token = await provide(refused);
    // RFC 6750, section 2.1; Node would refuse a line break too, but with an error that quotes the token.
    if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
      throw new InvoiceApiMisconfigured("The invoice API's token is empty or not a bearer token (RFC 6750).");
    }
    const headers = { accept: 'application/json', authorization: `Bearer ${token}`, ...request.headers };
    const result = await connections.exchange({ ...request, headers }, signal, onLeft);
    refused = result.status === 401 || result.status === 403 ? token : undefined;
    return withoutToken(outcomeOf(result), token);
  };
}

/** Shorter tokens are no secrets, and their letters stand in every text. */
const SHORTEST_SECRET = 8;

/** Reasons are stored and shown, and an API may echo what it was sent. */
export function withoutToken<Outcome extends object>(outcome: Outcome, token: string): Outcome {
  if (!('reason' in outcome) || typeof outcome.reason !== 'string' || token.length < SHORTEST_SECRET) return outcome;
  return { ...outcome, reason: outcome.reason.replaceAll(token, '[token]') };
}

function submitOutcome(result: HttpResult): SubmitOutcome {
  const exchange = exchangeOf(result);
  if (result.kind === 'no-answer') return withoutAnswer(result, exchange);
  const { status, headers, text } = result;
  if (status === 200 || status === 202) {
    const parsed = parseAcceptance(text);
    if (!parsed.ok) return malformed(parsed, exchange);
    const replayed = status === 200 || headers['idempotency-replayed'] === 'true';
    return { kind: 'accepted', exchange, ...parsed.value, replayed };
  }
  if (status === 409) {
    return { kind: 'in-flight', exchange, ...waitOf(headers), reason: problemText(text, status) };
  }
  if (status === 422) return { kind: 'key-reused', exchange, reason: problemText(text, status) };
  return refusal(status, headers, text, exchange);
}

function statusOutcome(result: HttpResult): StatusOutcome {
  const outcome = periodOutcome(result);
  if (outcome.kind !== 'listed') return outcome;
  return { kind: 'listed', exchange: outcome.exchange, packages: outcome.packages };
}

function periodOutcome(result: HttpResult): PeriodOutcome {
  const exchange = exchangeOf(result);
  if (result.kind === 'no-answer') return withoutAnswer(result, exchange);
  const { status, headers, text } = result;
  if (status !== 200) return refusal(status, headers, text, exchange);
  const parsed = parseReports(text);
  if (!parsed.ok) return malformed(parsed, exchange);
  const { packages, nextCursor } = parsed.value;
  return { kind: 'listed', exchange, packages, nextCursor };
}

/** The answers that mean the same for every request. */
export function refusal(
  status: number,
  headers: HeaderFields,
  text: string,
  exchange: Exchange,
): Throttled | Invalid | CredentialsRefused | Unknown {
  const reason = problemText(text, status);
  // An API that has no room may say so with 400, and then says when to come back.
  const throttled = status === 429 || status === 503 || (status === 400 && headers['retry-after'] !== undefined);
  if (throttled) return { kind: 'throttled', exchange, ...waitOf(headers), reason };
  if (status === 401 || status === 403) return { kind: 'credentials-refused', exchange, reason };
  if (status === 400 || status === 413 || status === 414 || status === 431)
    return { kind: 'invalid', exchange, reason };
  return { kind: 'unknown', exchange, cause: status >= 500 ? 'server-error' : 'unexpected-status', reason };
}

/** A head that refuses says enough without its body; one that accepts does not. */
export function withoutAnswer(
  result: HttpResult & { kind: 'no-answer' },
  exchange: Exchange,
): Throttled | Invalid | CredentialsRefused | Unknown {
  const { cause, reason, status, headers } = result;
  if (status !== undefined && headers !== undefined && status >= 400) {
    const refused = refusal(status, headers, reason, exchange);
    if (refused.kind !== 'unknown') return refused;
  }
  return { kind: 'unknown', exchange, cause, reason };
}

function malformed(parsed: Parsed<unknown> & { ok: false }, exchange: Exchange): Unknown {
  return { kind: 'unknown', exchange, cause: 'malformed-answer', reason: parsed.reason };
}

/** How long an answer asks us to stay away. */
export function waitOf(headers: HeaderFields): { retryAfterMilliseconds: number | undefined } {
  return { retryAfterMilliseconds: retryAfterMilliseconds(headers, Date.now()) };
}

/** The traces of one request. */
export function exchangeOf(result: HttpResult): Exchange {
  const requestId = result.headers?.['x-request-id'];
  return {
    ...(result.status === undefined ? {} : { httpStatus: result.status }),
    latencyMilliseconds: result.latencyMilliseconds,
    ...(typeof requestId === 'string' ? { requestId: requestId.slice(0, 128) } : {}),
  };
}
