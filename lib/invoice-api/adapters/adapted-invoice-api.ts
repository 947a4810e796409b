import { HalfmonthError } from '../../errors/halfmonth-error.ts';
import type { PackageDocument } from '../../packages/document.ts';
import { withoutSecret } from '../authorized-caller.ts';
import { safeUrlOf } from '../base-url.ts';
import { retryAfterMilliseconds } from '../coming-back.ts';
import type { HttpResult } from '../http-exchange.ts';
import { openConnections } from '../http-exchange.ts';
import type { HttpInvoiceApi } from '../http-invoice-api.ts';
import type {
  CredentialsRefused,
  Exchange,
  Invalid,
  PeriodOutcome,
  RequestOptions,
  SubmitOutcome,
  SubmitRequest,
  Throttled,
  Unknown,
} from '../invoice-api.ts';
import { type Answer, exchangeOf, refusal, withoutAnswer } from '../outcomes.ts';
import type { AdapterAnswer, AdapterRequest, InvoiceApiAdapter, Submission, Verdict } from './adapter.ts';
import type { AuthorizationProvider } from './basic-authorization.ts';
import { linesToBill } from './billed-quantity.ts';
import { AccessTokenRefused } from './client-credentials.ts';
import { type Customers, obstaclesOf, unmappedClient } from './obstacles.ts';

export interface AdaptedInvoiceApiOptions {
  /** Where the API is. */
  baseUrl: string;
  customers: Customers;
  authorization: AuthorizationProvider;
  timeoutMilliseconds: number;
  maximumConnections: number;
  /** A signal that aborts after so many milliseconds, for callers who live on another clock. */
  timeoutSignal?: (milliseconds: number) => AbortSignal;
  /** Milliseconds since the epoch; default `Date.now`. */
  now?: () => number;
}

/** What an API says of one setting. */
export type SettingOutcome =
  | { kind: 'asked'; exchange: Exchange; fault: string | undefined }
  | CredentialsRefused
  | Invalid
  | Throttled
  | Unknown;

/** An invoice API behind an adapter, which can be asked about the settings besides. */
export interface AdaptedInvoiceApi extends HttpInvoiceApi {
  /** Each asks in one request about what one setting names. */
  settingChecks: readonly { setting: string; ask(): Promise<SettingOutcome> }[];
}

/** The API cannot be asked for this. Nothing was sent. */
export class NotOfferedByInvoiceApi extends HalfmonthError {
  readonly code = 'NOT_OFFERED_BY_INVOICE_API';
}

const MAXIMUM_ANSWER_BYTES = 8 * 1024 * 1024;
const IDLE_MILLISECONDS = 4_000;

/**
 * An invoice API behind an adapter: each call is one request of the adapter's, and its answer one outcome.
 * @throws InvoiceApiMisconfigured when a secret could be read on its way to the address
 */
export function adaptedInvoiceApi(adapter: InvoiceApiAdapter, options: AdaptedInvoiceApiOptions): AdaptedInvoiceApi {
  const baseUrl = safeUrlOf(options.baseUrl).href.replace(/\/+$/, '');
  const connections = openConnections({
    ...options,
    maximumAnswerBytes: MAXIMUM_ANSWER_BYTES,
    idleMilliseconds: IDLE_MILLISECONDS,
  });
  const now = options.now ?? Date.now;
  let refused: string | undefined;

  const exchange = async (request: AdapterRequest, { onLeft }: RequestOptions = {}) => {
    const signal = connections.timeout();
    const authorization = await options.authorization(refused).catch(secretRefused);
    if (typeof authorization !== 'string') return authorization;
    const body = request.body && Buffer.from(request.body.text, 'utf8');
    const headers = {
      accept: 'application/json',
      authorization,
      ...adapter.headers,
      ...(request.body && body
        ? { 'content-type': request.body.contentType, 'content-length': String(body.length) }
        : {}),
      ...request.headers,
    };
    const url = new URL(baseUrl + request.path);
    const { method } = request;
    const result = await connections.exchange({ method, url, headers, ...(body ? { body } : {}) }, signal, onLeft);
    refused = result.status === 401 || result.status === 403 ? authorization : undefined;
    return { result: withoutSecret(result, authorization.slice(authorization.indexOf(' ') + 1)), url };
  };

  const submissionOf = async (request: SubmitRequest): Promise<Submission> => {
    const document = documentOf(request);
    const customer = await options.customers.customerOf(document.clientId);
    if (customer === undefined) throw new NotOfferedByInvoiceApi(unmappedClient(document.clientId));
    const { idempotencyKey, progress, firstSentAt } = request;
    return {
      document,
      lines: linesToBill(document, adapter.toldQuantity),
      idempotencyKey,
      customer,
      progress,
      firstSentAt,
      now: now(),
    };
  };

  return {
    // Steps say what is known, keys and numbers keep what was done: see each adapter's own.
    facts: { ...adapter.facts, looksUp: true },
    close: () => connections.close(),

    obstacle: obstaclesOf(adapter, options.customers),

    settingChecks: (adapter.settingChecks ?? []).map(({ setting, request, fault }) => ({
      setting,
      async ask() {
        const answered = await exchange(request);
        if ('kind' in answered) return answered;
        const { result, url } = answered;
        if (result.kind === 'no-answer') return withoutAnswer(result, url);
        if (result.status !== 200 && result.status !== 404) return usual(result, url);
        return { kind: 'asked', exchange: exchangeOf(result), fault: fault(answerOf(result)) };
      },
    })),

    async submit(request, requestOptions) {
      const submission = await submissionOf(request);
      const step = adapter.step(submission);
      const answered = await exchange(step.request, requestOptions);
      if ('kind' in answered) return answered;
      const { result, url } = answered;
      return submitOutcome(result, { verdictOf: step.verdict, submission, url });
    },

    async statusOf() {
      throw new NotOfferedByInvoiceApi(
        'This API says at once whether a package is billed, so there is nothing to ask for later.',
      );
    },

    async listPeriod(periodId, cursor) {
      if (!adapter.list) {
        throw new NotOfferedByInvoiceApi('This API cannot list what it holds by the names that packages have.');
      }
      const listing = adapter.list(periodId, cursor);
      const answered = await exchange(listing.request);
      return 'kind' in answered ? answered : listOutcome(answered.result, listing.reports, answered.url);
    },
  };
}

/** Who gives no access token refuses our credentials as the API itself would: nothing was asked of it. */
function secretRefused(error: unknown): CredentialsRefused {
  if (!(error instanceof AccessTokenRefused)) throw error;
  return { kind: 'credentials-refused', exchange: { latencyMilliseconds: 0 }, reason: error.message };
}

function submitOutcome(
  result: HttpResult,
  asked: { verdictOf: (answer: AdapterAnswer) => Verdict; submission: Submission; url: URL },
): SubmitOutcome {
  const { verdictOf, submission, url } = asked;
  const { document } = submission;
  if (result.kind === 'no-answer') return withoutAnswer(result, url);
  const exchange = exchangeOf(result);
  const verdict = verdictOf(answerOf(result));
  switch (verdict.kind) {
    case 'done':
      return { kind: 'accepted', exchange, id: document.packageId, status: 'processed', replayed: !!verdict.replayed };
    case 'next':
      return { kind: 'stepped', exchange, progress: verdict.progress };
    case 'rejected':
      return { kind: 'invalid', exchange, reason: verdict.reason };
    case 'key-reused':
      return { kind: 'key-reused', exchange, reason: verdict.reason };
    case 'in-flight':
      return {
        kind: 'in-flight',
        exchange,
        retryAfterMilliseconds: retryAfterMilliseconds(result.headers, Date.now()),
        reason: verdict.reason,
      };
    case 'usual':
      return usual(result, url);
  }
}

function listOutcome(
  result: HttpResult,
  reportsOf: (answer: AdapterAnswer) => { packages: unknown; nextCursor?: string } | undefined,
  url: URL,
): PeriodOutcome {
  if (result.kind === 'no-answer') return withoutAnswer(result, url);
  if (result.status !== 200) return usual(result, url);
  const exchange = exchangeOf(result);
  const reports = reportsOf(answerOf(result)) as ReturnType<typeof reportsOf> & { packages: [] };
  if (!reports) return { kind: 'unknown', exchange, cause: 'malformed-answer', reason: 'the answer lists nothing' };
  return { kind: 'listed', exchange, packages: reports.packages, nextCursor: reports.nextCursor };
}

function usual(answer: Answer, url: URL) {
  const { status } = answer;
  // An answer that the adapter could not use, though the API meant it well: what it did is not known.
  if (status < 400) {
    const reason = `HTTP ${status}: the answer is none that this API is known to give`;
    return { kind: 'unknown', exchange: exchangeOf(answer), cause: 'malformed-answer', reason } as const;
  }
  return refusal(answer, url);
}

function answerOf({ status, headers, text }: HttpResult & { kind: 'answer' }): AdapterAnswer {
  return { status, headers, text, json: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Our own bytes, written by packaging. */
function documentOf({ body }: Pick<SubmitRequest, 'body'>): PackageDocument {
  return JSON.parse(body) as PackageDocument;
}
