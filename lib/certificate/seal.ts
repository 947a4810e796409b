import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { canonicalHash } from './canonical.ts';
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
export function isSealed({ hash, ...content }: Certificate): boolean {
  return canonicalHash(content) === hash;
}

/**
 * Reads a certificate, strictly: a field that nobody knows may be meant to mislead.
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
