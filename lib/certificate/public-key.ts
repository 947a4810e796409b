import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { Disagreement } from './balance.ts';
import type { Certificate } from './certificate.ts';
import { isSealed } from './seal.ts';

/** The text is no public key that a certificate can be signed for. */
export class InvalidPublicKey extends HalfmonthError {
  readonly code = 'INVALID_PUBLIC_KEY';
}

/**
 * Reads the public half of a stage's key.
 * @param pem as `openssl` and AWS write it, `-----BEGIN PUBLIC KEY-----`
 * @throws InvalidPublicKey
 */
export function readPublicKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new InvalidPublicKey('This is no public key in PEM (-----BEGIN PUBLIC KEY-----).', { cause });
  }
  if (pem.includes('PRIVATE') || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new InvalidPublicKey('This is no public key of the curve NIST P-256, for which certificates are signed.');
  }
  return key;
}

/**
 * Holds a certificate against the key alone, with no access to anything: is it as it was sealed, and did the key's
 * holder sign it?
 * @returns what disagrees; nothing when the certificate is genuine
 */
export function verifySignature(certificate: Certificate, key: KeyObject): Disagreement | undefined {
  const { hash, signature } = certificate;
  if (!isSealed(certificate)) return { line: 'hash of the certificate', expected: hash, found: 'another content' };
  const line = 'signature of the certificate';
  if (!signature) return { line, expected: 'one by the given key', found: 'none' };
  const isGenuine = verify('sha256', Buffer.from(hash), key, Buffer.from(signature.value, 'base64'));
  return isGenuine
    ? undefined
    : { line, expected: 'one by the given key', found: `another, said to be by ${signature.keyId}` };
}

/** SHA-256, in hex, of a public key in DER: short enough to read out on the telephone. */
export function fingerprintOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}
