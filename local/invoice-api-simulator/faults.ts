import type { FaultRates } from './profiles.ts';
import type { Draw } from './random.ts';

/** What goes wrong with one request, if anything. `taken` says whether the submission takes effect all the same. */
export type RequestFault =
  | { kind: 'unavailable'; taken: false; hint: boolean }
  | { kind: 'conflict'; taken: false }
  | { kind: 'serverError' | 'connectionReset'; taken: boolean }
  | { kind: 'timeoutAfterCommit' | 'slowBody' | 'malformedJson'; taken: true };

/** The fault of one attempt, from its names alone; the first that befalls it, in the order of `RequestFault`. */
export function faultOf(draw: Draw, rates: FaultRates, request: 'submit' | 'read', ...names: (string | number)[]) {
  const befalls = (kind: keyof FaultRates): boolean => draw(kind, ...names) < rates[kind];
  const half = (kind: keyof FaultRates): boolean => draw('half', kind, ...names) < 0.5;
  return firstFault(request, befalls, half);
}

function firstFault(
  request: 'submit' | 'read',
  befalls: (kind: keyof FaultRates) => boolean,
  half: (kind: keyof FaultRates) => boolean,
): RequestFault | undefined {
  if (befalls('unavailable')) return { kind: 'unavailable', taken: false, hint: half('unavailable') };
  if (request === 'submit' && befalls('conflict')) return { kind: 'conflict', taken: false };
  if (befalls('serverError')) return { kind: 'serverError', taken: half('serverError') };
  if (befalls('connectionReset')) return { kind: 'connectionReset', taken: half('connectionReset') };
  if (request === 'submit' && befalls('timeoutAfterCommit')) return { kind: 'timeoutAfterCommit', taken: true };
  if (befalls('slowBody')) return { kind: 'slowBody', taken: true };
  if (befalls('malformedJson')) return { kind: 'malformedJson', taken: true };
  return undefined;
}

const BURST_EVERY = 10_000;
const BURST_LENGTH = 2_000;

/**
 * How long a burst of 429 still lasts, in milliseconds of the API's time; 0 outside of one. Bursts begin at whole tens
 * of seconds since the start, so they come at the same times in every run.
 */
export function burstLeft(draw: Draw, rates: FaultRates, sinceStart: number): number {
  const into = sinceStart % BURST_EVERY;
  if (into >= BURST_LENGTH || rates.throttleBurst === 0) return 0;
  return draw('throttleBurst', Math.floor(sinceStart / BURST_EVERY)) < rates.throttleBurst ? BURST_LENGTH - into : 0;
}
