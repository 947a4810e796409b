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

/**
 * The same text in pieces. Sums of a million meters are texts of hundreds of megabytes, which are hashed and stored as
 * they come.
 * @throws NotCanonical
 */
export function* canonicalPieces(value: unknown): Generator<string> {
  if (!isLargeObject(value)) {
    yield canonicalJson(value);
    return;
  }
  let piece = '{';
  let separator = '';
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member === undefined) continue;
    piece += `${separator}${textJson(name)}:`;
    separator = ',';
    if (isLargeObject(member)) {
      yield piece;
      piece = '';
      yield* canonicalPieces(member);
    } else {
      piece += typeof member === 'string' ? textJson(member) : canonicalJson(member);
    }
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}}`;
}

/** As the library does it, without its way through objects. */
function textJson(text: string): string {
  return text.isWellFormed() ? JSON.stringify(text) : canonicalJson(text);
}

const PIECE_LENGTH = 64 * 1024;

/** An object of objects, or of many members. */
function isLargeObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const members = Object.values(value);
  return members.length > 1_000 || members.some((member) => typeof member === 'object' && member !== null);
}

/** SHA-256, in hex, of a text in UTF-8. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** SHA-256, in hex, of the canonical JSON of a value. */
export function canonicalHash(value: unknown): string {
  const hash = createHash('sha256');
  for (const piece of canonicalPieces(value)) hash.update(piece);
  return hash.digest('hex');
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
