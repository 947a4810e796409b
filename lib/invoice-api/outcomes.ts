import { submissionOfKey } from '../packages/package.ts';
import { parseAcceptance, parseReports } from './answers.ts';
import { comeBackOf, type HeaderFields } from './coming-back.ts';
import type { HttpResult } from './http-exchange.ts';
import type {
  CredentialsRefused,
  Exchange,
  Invalid,
  PeriodOutcome,
  StatusOutcome,
  SubmitOutcome,
  Throttled,
  Unknown,
} from './invoice-api.ts';
import { problemText } from './problem-text.ts';

/** An answer that was read to its end. */
export type Answer = HttpResult & { kind: 'answer' };

/** The outcome of a submission. An acceptance counts only for the package, revision and submission that it is about. */
export function submitOutcome(result: HttpResult, idempotencyKey: string, address: URL): SubmitOutcome {
  if (result.kind === 'no-answer') return withoutAnswer(result, address);
  const { status, headers, text } = result;
  const exchange = exchangeOf(result);
  if (status >= 200 && status < 300) {
    const parsed = parseAcceptance(text);
    if (!parsed.ok) return malformed(parsed.reason, result);
    const other = aboutAnother(parsed.value, idempotencyKey);
    if (other !== undefined) return malformed(other, result);
    const { id, status: state } = parsed.value;
    const replayed = status === 200 || headers['idempotency-replayed'] === 'true';
    return { kind: 'accepted', exchange, id, status: state, replayed };
  }
  if (status === 409) {
    const { milliseconds, reason } = refusalWords(result);
    return { kind: 'in-flight', exchange, retryAfterMilliseconds: milliseconds, reason };
  }
  if (status === 422) {
    const { reason } = refusalWords(result, ['key reused, or invalid']);
    return { kind: 'key-reused', exchange, reason };
  }
  return refusal(result, address);
}

/** What the API says of some packages. An answer that lists only others was given to another question. */
export function statusOutcome(result: HttpResult, packageIds: readonly string[], address: URL): StatusOutcome {
  const outcome = periodOutcome(result, address);
  if (outcome.kind !== 'listed') return outcome;
  const { nextCursor, ...listed } = outcome;
  const asked = new Set(packageIds);
  const [stranger] = listed.packages;
  if (stranger && result.kind === 'answer' && !listed.packages.some(({ id }) => asked.has(id))) {
    return malformed(`the answer is about ${JSON.stringify(stranger.id)}, which was not asked for`, result);
  }
  return nextCursor === undefined ? listed : { ...listed, nextCursor };
}

/** One page of what the API holds for a period. */
export function periodOutcome(result: HttpResult, address: URL): PeriodOutcome {
  if (result.kind === 'no-answer') return withoutAnswer(result, address);
  if (result.status < 200 || result.status >= 300) return refusal(result, address);
  const parsed = parseReports(result.text);
  if (!parsed.ok) return malformed(parsed.reason, result);
  const { packages, unreadable, nextCursor } = parsed.value;
  return {
    kind: 'listed',
    exchange: exchangeOf(result),
    packages,
    ...(unreadable.length > 0 ? { unreadable } : {}),
    nextCursor,
  };
}

/**
 * Statuses that say that nothing is there for us; a redirect is not followed, as the token goes to its own address
 * alone.
 */
function isWrongAddress(status: number): boolean {
  return status === 404 || status === 405 || status === 410 || (status >= 300 && status < 400);
}

/** The answers that mean the same for every request. */
export function refusal(answer: Answer, address: URL): Throttled | Invalid | CredentialsRefused | Unknown {
  const { status } = answer;
  const exchange = exchangeOf(answer);
  const { reason, milliseconds, isAsked } = refusalWords(answer);
  // An API that has no room may say so with 400 or 403, and then says when to come back.
  const isThrottled = status === 429 || status === 503 || (status >= 400 && status < 500 && status !== 401 && isAsked);
  if (isThrottled) return { kind: 'throttled', exchange, retryAfterMilliseconds: milliseconds, reason };
  if (status === 401 || status === 403) return { kind: 'credentials-refused', exchange, reason };
  if (status === 400 || status === 413 || status === 414 || status === 431) {
    return { kind: 'invalid', exchange, reason };
  }
  const wait = isAsked ? { retryAfterMilliseconds: milliseconds } : {};
  if (!isWrongAddress(status)) {
    return { kind: 'unknown', exchange, cause: status >= 500 ? 'server-error' : 'unexpected-status', ...wait, reason };
  }
  const where = `${address.origin}${address.pathname}`;
  return { kind: 'unknown', exchange, cause: 'wrong-address', ...wait, reason: `${reason} (asked at ${where})` };
}

/** What a refusal says, with the headers that matter to its reader. */
function refusalWords({ status, headers, text }: Pick<Answer, 'status' | 'headers' | 'text'>, besides: string[] = []) {
  const comeBack = comeBackOf(headers, Date.now());
  const location = headers.location;
  const redirect = typeof location === 'string' && status >= 300 && status < 400 ? `Location: ${location}` : undefined;
  const said = comeBack?.isAsked ? comeBack.said : undefined;
  return {
    milliseconds: comeBack?.milliseconds,
    isAsked: comeBack?.isAsked ?? false,
    reason: problemText(text, status, [...besides, redirect, said]),
  };
}

/** A head that refuses says enough without its body; one that accepts does not. */
export function withoutAnswer(
  result: HttpResult & { kind: 'no-answer' },
  address: URL,
): Throttled | Invalid | CredentialsRefused | Unknown {
  const { cause, reason, status, headers, latencyMilliseconds } = result;
  if (status !== undefined && headers !== undefined && status >= 400) {
    const refused = refusal({ kind: 'answer', status, headers, text: reason, latencyMilliseconds }, address);
    if (refused.kind !== 'unknown') return refused;
  }
  return { kind: 'unknown', exchange: exchangeOf(result), cause, reason };
}

function malformed(reason: string, answer: Answer): Unknown {
  const words = `HTTP ${answer.status}, and ${reason}`.slice(0, 2_000);
  return { kind: 'unknown', exchange: exchangeOf(answer), cause: 'malformed-answer', reason: words };
}

/** What an acceptance is about instead of what was sent; undefined when it is about that. */
function aboutAnother(
  said: { id: string; revision?: number; submission?: number },
  idempotencyKey: string,
): string | undefined {
  const sent = submissionOfKey(idempotencyKey);
  const { id, revision = sent?.revision, submission = sent?.submission } = said;
  if (sent && id === sent.packageId && revision === sent.revision && submission === sent.submission) return undefined;
  return `the answer is about ${JSON.stringify({ id, revision, submission })}, not about ${idempotencyKey}`;
}

/** The traces of one request. */
export function exchangeOf(result: { status?: number; headers?: HeaderFields; latencyMilliseconds: number }): Exchange {
  const requestId = result.headers?.['x-request-id'];
  return {
    ...(result.status === undefined ? {} : { httpStatus: result.status }),
    latencyMilliseconds: result.latencyMilliseconds,
    ...(typeof requestId === 'string' ? { requestId: requestId.slice(0, 128) } : {}),
  };
}
