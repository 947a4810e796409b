import type { Certificate, CertificateSignature } from './certificate.ts';

/**
 * Signs a text with a key that never leaves its place.
 * @param text what the digest is made of; ASCII
 */
export type Signer = (text: string) => Promise<CertificateSignature>;

/** Adds the signature that shows who made it: the hash shows a change, but anybody can make a hash. */
export async function sign(certificate: Certificate, signer: Signer): Promise<Certificate> {
  return { ...certificate, signature: await signer(certificate.hash) };
}
