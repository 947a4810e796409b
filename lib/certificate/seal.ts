import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { type Certificate, type CertificateContent, certificateSchema } from './certificate.ts';

/** The text is not a closing certificate. */
export class InvalidCertificate extends HalfmonthError {
  readonly code = 'INVALID_CERTIFICATE';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`This is not a closing certificate:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** Adds the hash that makes any later change show. */
export function seal(content: CertificateContent): Certificate {
  return { ...content, hash: canonicalHash(content) };
}

/** Whether the certificate is as it was sealed. */
export function isSealed({ hash, signature: _signature, ...content }: Certificate): boolean {
  return canonicalHash(content) === hash;
}

/**
 * Reads a certificate, strictly: an unknown field may be meant to mislead.
 * @throws InvalidCertificate naming every fault
 */
export function readCertificate(value: unknown): Certificate {
  const parsed = certificateSchema.safeParse(value);
  // The parsed object has the members of the given one, so that its hash is the same.
  if (parsed.success) return parsed.data;
  throw new InvalidCertificate(
    parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(the whole)'}: ${message}`),
  );
}

/** The value has no canonical JSON, such as one that holds `undefined`, a function or a lone surrogate. */
export class NotCanonical extends HalfmonthError {
  readonly code = 'NOT_CANONICAL';
}

/**
 * The one JSON text of a value: sorted members, no spaces (RFC 8785).
 * @throws NotCanonical
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new NotCanonical('There is no JSON for this value.');
  return text;
}

/** SHA-256, in hex, of a text in UTF-8. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** SHA-256, in hex, of the canonical JSON of a value. */
export function canonicalHash(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** The idempotency keys under which the invoice API processed a stretch of packages: one step of one chunk's worker. */
export interface AcknowledgementList {
  chunk: number;
  step: number;
  count: number;
  digest: string;
}

/** SHA-256 over the keys, sorted, one a line. */
export function digestOfKeys(keys: readonly string[]): string {
  return sha256(keys.toSorted().join('\n'));
}

/** SHA-256 over the lists in the order of chunks and steps, one `<chunk> <step> <count> <digest>` a line. */
export function digestOfLists(lists: readonly AcknowledgementList[]): string {
  const sorted = lists.toSorted((one, other) => one.chunk - other.chunk || one.step - other.step);
  return sha256(sorted.map(({ chunk, step, count, digest }) => `${chunk} ${step} ${count} ${digest}`).join('\n'));
}
