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
