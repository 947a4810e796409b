import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, problem } from './answers.ts';
import type { Operation, Refusal } from './gate.ts';
import type { SimulatedApi } from './simulated-api.ts';

/** What is said where it is not known how long it takes. */
const NO_WAIT_KNOWN = 1_000;

/** The refusal of a request without the right token; nothing when it has it. */
export function refusedCredentials(api: SimulatedApi, request: IncomingMessage): Answer | undefined {
  const [, token] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (token && (api.token === undefined || token === api.token)) return undefined;
  const detail = token ? 'This token is not known.' : 'Send `Authorization: Bearer <token>`.';
  return problem(401, 'Unauthorized', detail, { headers: { 'www-authenticate': 'Bearer' } });
}

/** What a key gets while a request with it is being answered. */
export function conflict(api: SimulatedApi): Answer {
  return problem(409, 'Conflict', 'A request with this Idempotency-Key is being answered.', {
    headers: retryAfter(api, NO_WAIT_KNOWN),
  });
}

/** What a server says that has no capacity. @param hint whether it says for how long */
export function unavailable(api: SimulatedApi, hint: boolean): Answer {
  return problem(503, 'Service Unavailable', 'No capacity at this moment.', {
    headers: hint ? retryAfter(api, NO_WAIT_KNOWN) : {},
  });
}

/** What a request gets that the quota has no room for. */
export function throttled(api: SimulatedApi, refusal: Refusal): Answer {
  api.tally.throttled += 1;
  if (refusal.retryAfter === undefined) return { status: refusal.status, headers: {}, body: '' };
  return problem(refusal.status, 'Too Many Requests', 'The quota is spent.', {
    headers: retryAfter(api, refusal.retryAfter || NO_WAIT_KNOWN),
  });
}

/** Whole seconds of the caller's wall clock, rounded up, as RFC 9110 has it; with a fraction only when asked for. */
function retryAfter(api: SimulatedApi, milliseconds: number): Record<string, string> {
  const seconds = api.clock.toWall(milliseconds) / 1000;
  return { 'retry-after': api.decimalRetryAfter ? seconds.toFixed(3) : String(Math.ceil(seconds)) };
}

/** Tells the caller of the window that is nearest to being spent, where the profile does. */
export function setQuotaFields(api: SimulatedApi, kind: Operation, response: ServerResponse): void {
  if (api.profile.throttleAnswer !== 'retry-after') return;
  const nearest = api.gate.nearest(kind, api.clock.now());
  if (!nearest) return;
  const seconds = (milliseconds: number): number => Math.ceil(api.clock.toWall(milliseconds) / 1000);
  const { name, remaining, wait, window } = nearest;
  response.setHeader('ratelimit-policy', `"${name}";q=${window.requests};w=${seconds(window.milliseconds)}`);
  response.setHeader('ratelimit', `"${name}";r=${remaining};t=${seconds(wait)}`);
}
