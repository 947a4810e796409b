import { InvoiceApiMisconfigured } from './base-url.ts';
import type { Connections, HttpRequest, HttpResult } from './http-exchange.ts';
import type { RequestOptions } from './invoice-api.ts';

/**
 * Yields the bearer token, before each request. `refused` is the token that the API refused last, if any: a provider
 * that caches should then read its secret anew, which is all that a rotation needs.
 */
export type TokenProvider = (refused: string | undefined) => Promise<string>;

/** One request with the token, and what came of it without. */
export type AuthorizedCall = <Outcome extends { kind: string }>(
  request: HttpRequest,
  outcomeOf: (result: HttpResult) => Outcome,
  options?: RequestOptions,
) => Promise<Outcome>;

/** Makes requests with a bearer token, and keeps every echo of it out of what they come to. */
export function authorizedCaller(connections: Connections, provide: TokenProvider): AuthorizedCall {
  let refused: { token: string; request: number } | undefined;
  let requests = 0;
  return async (request, outcomeOf, { onLeft } = {}) => {
    const signal = connections.timeout();
    const token = await provide(refused?.token);
    // RFC 6750, section 2.1; Node would refuse a line break too, but with an error that quotes the token.
    if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
      throw new InvoiceApiMisconfigured("The invoice API's token is empty or not a bearer token (RFC 6750).");
    }
    requests += 1;
    const number = requests;
    const headers = { accept: 'application/json', authorization: `Bearer ${token}`, ...request.headers };
    const result = await connections.exchange({ ...request, headers }, signal, onLeft);
    const outcome = outcomeOf(withoutSecret(result, token));
    if (outcome.kind === 'credentials-refused') refused = { token, request: requests };
    // A request that left before the refusal says nothing about the token's being good now.
    else if (refused && (token !== refused.token || number > refused.request)) refused = undefined;
    return withoutSecret(outcome, token);
  };
}

/** Shorter tokens are no secrets, and their letters stand in every text. */
const SHORTEST_SECRET = 8;

/**
 * No echo of a secret is left in any text of it; best before anything is read or cut, as a part of a secret is one too.
 */
export function withoutSecret<Value>(value: Value, secret: string): Value {
  return maskedIn(value, (text) => withoutToken(text, secret));
}

function withoutToken(text: string, token: string): string {
  if (token.length < SHORTEST_SECRET) return text;
  return text.replaceAll(token, '[token]').replaceAll(encodeURIComponent(token), '[token]');
}

/**
 * Every text in it, however deep: reasons and ids are stored and shown, and an API may echo what it was sent in any of
 * them.
 */
function maskedIn<Value>(value: Value, mask: (text: string) => string): Value {
  // What comes out is of the type that went in: texts become texts, and all else stays.
  if (typeof value === 'string') return mask(value) as Value;
  if (Array.isArray(value)) return value.map((one) => maskedIn(one, mask)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, maskedIn(one, mask)])) as Value;
}
