import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { HalfmonthError } from '../errors/halfmonth-error.ts';

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
