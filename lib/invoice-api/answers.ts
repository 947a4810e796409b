import * as z from 'zod/mini';
import type { components } from './contract.ts';
import type { PackageReport, UnreadableReport } from './invoice-api.ts';
import { readable, saidBy } from './problem-text.ts';

type Acceptance = components['schemas']['Acceptance'];

// The checks are written by hand to stay small in a bundle; `satisfies` ties them to the contract's types.
const status = z.enum(['queued', 'processing', 'processed', 'unprocessed', 'rejected']);
const positive = z.int().check(z.gte(1));

const acceptance = z.object({
  id: z.string(),
  status,
  revision: z.exactOptional(positive),
  submission: z.exactOptional(positive),
}) satisfies z.ZodMiniType<Acceptance>;

const report = z.object({
  id: z.string(),
  status,
  revision: z.exactOptional(positive),
  submission: z.exactOptional(positive),
  reason: z.exactOptional(z.string()),
  contentHash: z.exactOptional(z.string()),
  processedRevision: z.exactOptional(z.int().check(z.gte(0))),
}) satisfies z.ZodMiniType<PackageReport>;

const identified = z.object({ id: z.string() });

const reports = z.object({ packages: z.array(z.unknown()), nextCursor: z.exactOptional(z.string()) });

/** A text that the contract allows, or why it does not, with what the answer says instead. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; reason: string };

/** The reports of one answer, each judged by itself. */
export interface ReportsRead {
  packages: PackageReport[];
  unreadable: UnreadableReport[];
  /** Absent when the answer is the last one. */
  nextCursor?: string;
}

/** Reads the answer to a submission. */
export const parseAcceptance = (text: string): Parsed<Acceptance> => parse(acceptance, text);

/** Reads the answer to a status read or a listing. */
export function parseReports(text: string): Parsed<ReportsRead> {
  const parsed = parse(reports, text);
  if (!parsed.ok) return parsed;
  const read: ReportsRead = { packages: [], unreadable: [] };
  for (const [index, given] of parsed.value.packages.entries()) {
    const one = withoutNulls(given);
    const checked = report.safeParse(one);
    if (checked.success) {
      read.packages.push(checked.data);
      continue;
    }
    const { data } = identified.safeParse(one);
    read.unreadable.push({
      ...data,
      reason: `the report is against the contract: ${faultsOf(checked.error, one, data ? '' : `/packages/${index}`)}`,
    });
  }
  const { nextCursor } = parsed.value;
  // Some APIs say with an empty cursor that there is no further page.
  return { ok: true, value: nextCursor ? { ...read, nextCursor } : read };
}

function parse<T>(schema: z.ZodMiniType<T>, text: string): Parsed<T> {
  let json: unknown;
  try {
    json = withoutNulls(JSON.parse(text));
  } catch {
    if (text.trim() === '') return { ok: false, reason: 'the answer has no body' };
    return { ok: false, reason: `the answer is not JSON: ${saidBy(text)}` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  return {
    ok: false,
    reason: `the answer is against the contract: ${faultsOf(parsed.error, json, '')}; it says: ${saidBy(text)}`,
  };
}

/** Many APIs write null for a member that they leave out. */
function withoutNulls(value: unknown): unknown {
  if (!isRecord(value) || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** Where it is wrong, and what stands there. */
function faultsOf(error: { issues: readonly z.core.$ZodIssue[] }, json: unknown, place: string): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => {
      let found = json;
      for (const key of path) found = isRecord(found) ? found[key] : undefined;
      const isShown = typeof found === 'string' || typeof found === 'number';
      return readable(
        `${place}/${path.join('/')} ${message}${isShown ? ` (${JSON.stringify(found).slice(0, 80)})` : ''}`,
      );
    })
    .join(', ');
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}
