import * as z from 'zod/mini';
import type { components } from './contract.ts';

// The checks are written by hand to stay small in a bundle; `satisfies` ties them to the contract's types.
const status = z.enum(['queued', 'processing', 'processed', 'unprocessed', 'rejected']);
const positive = z.int().check(z.gte(1));

const acceptance = z.object({ id: z.string(), status }) satisfies z.ZodMiniType<components['schemas']['Acceptance']>;

const reports = z.object({
  packages: z.array(
    z.object({
      id: z.string(),
      status,
      revision: z.exactOptional(positive),
      submission: z.exactOptional(positive),
      reason: z.exactOptional(z.string()),
      contentHash: z.exactOptional(z.string()),
      processedRevision: z.exactOptional(z.int().check(z.gte(0))),
    }),
  ),
  nextCursor: z.exactOptional(z.string()),
}) satisfies z.ZodMiniType<components['schemas']['PackageReports']>;

const problem = z.object({
  title: z.optional(z.string()),
  detail: z.optional(z.string()),
  errors: z.optional(z.array(z.object({ pointer: z.optional(z.string()), detail: z.string() }))),
});

/** A text that the contract allows, or why it does not. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; reason: string };

/** Reads the answer to a submission. */
export const parseAcceptance = (text: string): Parsed<components['schemas']['Acceptance']> => parse(acceptance, text);

/** Reads the answer to a status read or a listing. */
export const parseReports = (text: string): Parsed<components['schemas']['PackageReports']> => parse(reports, text);

const LONGEST_REASON = 2000;

/**
 * What a problem answer (RFC 9457) says, in one line for a person, at most 2,000 characters. Another body than
 * problem+json is quoted as it is: whatever the API said is better than nothing.
 */
export function problemText(text: string, httpStatus: number): string {
  const parsed = parse(problem, text);
  const parts = parsed.ok
    ? [
        parsed.value.title,
        parsed.value.detail,
        ...(parsed.value.errors ?? []).map((fault) =>
          fault.pointer ? `${fault.pointer}: ${fault.detail}` : fault.detail,
        ),
      ]
    : [text.replaceAll(/\s+/g, ' ').trim()];
  const said = parts.filter((part) => part !== undefined && part !== '').join('; ');
  return `HTTP ${httpStatus}${said ? `: ${said}` : ''}`.slice(0, LONGEST_REASON);
}

function parse<T>(schema: z.ZodMiniType<T>, text: string): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, reason: text === '' ? 'the answer has no body' : 'the answer is not JSON' };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const faults = parsed.error.issues.slice(0, 3).map((issue) => `/${issue.path.join('/')} ${issue.message}`);
  return { ok: false, reason: `the answer is against the contract: ${faults.join(', ')}` };
}

/** Header fields by lower-case name, as Node gives them. */
export type HeaderFields = Readonly<Record<string, string | string[] | undefined>>;

/** No window of any published quota is longer than a day; a week leaves room, and keeps an absurd answer from parking us. */
const LONGEST_WAIT_MILLISECONDS = 7 * 24 * 3600 * 1000;
/** A reset value beyond this is a moment (seconds since the epoch), not a number of seconds to wait. */
const EPOCH_SECONDS_FROM = 1_000_000_000;

/**
 * How long the API asks its caller to stay away, in milliseconds, or undefined when it does not say.
 *
 * `Retry-After` wins, in seconds or as an HTTP date (RFC 9110, section 10.2.3); a date is measured against the answer's
 * own `Date`, so that clocks that disagree do no harm. Then `RateLimit` (IETF draft ratelimit-headers,
 * `"policy";r=0;t=30`, and its older form `limit=…, remaining=0, reset=30`), then `RateLimit-Reset` and `X-RateLimit-Reset`.
 *
 * @param now milliseconds since the epoch, for answers without a `Date`
 */
export function retryAfterMilliseconds(headers: HeaderFields, now: number): number | undefined {
  const serverNow = parsedDate(first(headers.date)) ?? now;
  const wait =
    fromRetryAfter(first(headers['retry-after']), serverNow) ??
    fromRateLimit(first(headers.ratelimit)) ??
    fromReset(first(headers['ratelimit-reset']), serverNow) ??
    fromReset(first(headers['x-ratelimit-reset']), serverNow);
  return wait === undefined ? undefined : Math.min(Math.max(Math.ceil(wait), 0), LONGEST_WAIT_MILLISECONDS);
}

function fromRetryAfter(value: string | undefined, serverNow: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = parsedDate(value);
  return date === undefined ? undefined : date - serverNow;
}

function fromRateLimit(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const older = /(?:^|[,;\s])reset=(\d+)/.exec(value);
  if (older) return Number(older[1]) * 1000;
  // A policy with requests left is not what stands in the way.
  const binding = value.split(',').flatMap((policy) => {
    const reset = /;\s*t=(\d+)/.exec(policy);
    return reset && !/;\s*r=0*[1-9]/.test(policy) ? [Number(reset[1])] : [];
  });
  return binding.length > 0 ? Math.max(...binding) * 1000 : undefined;
}

function fromReset(value: string | undefined, serverNow: number): number | undefined {
  if (value === undefined || !/^\d+(\.\d+)?$/.test(value)) return undefined;
  const seconds = Number(value);
  return seconds >= EPOCH_SECONDS_FROM ? seconds * 1000 - serverNow : seconds * 1000;
}

/** `Date.parse` takes almost anything, so a date must at least begin with a day's name, as all HTTP dates do. */
function parsedDate(value: string | undefined): number | undefined {
  if (value === undefined || !/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return undefined;
  const milliseconds = Date.parse(value);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

function first(value: string | string[] | undefined): string | undefined {
  return (Array.isArray(value) ? value[0] : value)?.trim();
}
