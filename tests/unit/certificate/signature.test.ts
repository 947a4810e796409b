import { generateKeyPairSync, sign as signText } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { readPublicKey, verifySignature } from '../../../lib/certificate/public-key.ts';
import { isSealed, readCertificate, seal } from '../../../lib/certificate/seal.ts';
import { type Signer, sign } from '../../../lib/certificate/signature.ts';
import { verifyCertificate } from '../../../lib/certificate/verify.ts';
import { certificateOf, evidenceOf } from '../../fixtures/certificates.ts';
import { clientBooks } from '../../fixtures/client-books.ts';

const BOOKS = [clientBooks('acme', [{ days: { '2026-11-01': { api_calls: '10.5' } }, outcome: 'processed' }])];

function keyPair(): { signer: Signer; publicKey: ReturnType<typeof readPublicKey> } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer: Signer = async (text) => ({
    algorithm: 'ECDSA_SHA_256',
    keyId: 'key-1',
    value: signText('sha256', Buffer.from(text), privateKey).toString('base64'),
  });
  return { signer, publicKey: readPublicKey(String(publicKey.export({ type: 'spki', format: 'pem' }))) };
}

describe('a signed certificate', () => {
  test('is genuine for the key that signed it, wherever it was copied to', async () => {
    const { signer, publicKey } = keyPair();
    const signed = await sign(certificateOf(BOOKS), signer);

    const copy = readCertificate(JSON.parse(JSON.stringify(signed)));

    expect(isSealed(copy)).toBe(true);
    expect(verifySignature(copy, publicKey)).toBeUndefined();
  });

  test('is not genuine for another key, nor without its signature', async () => {
    const { signer } = keyPair();
    const { publicKey: other } = keyPair();
    const signed = await sign(certificateOf(BOOKS), signer);
    const { signature: _signature, ...unsigned } = signed;

    expect(verifySignature(signed, other)).toMatchObject({ line: 'signature of the certificate' });
    expect(verifySignature(unsigned, other)).toMatchObject({ found: 'none' });
  });

  test('shows an insider who changes a sum, seals it again and keeps the signature', async () => {
    const { signer, publicKey } = keyPair();
    const { hash: _hash, signature, ...content } = structuredClone(await sign(certificateOf(BOOKS), signer));
    content.billed.lastProcessed.api_calls = '9.5';
    const forged = { ...seal(content), signature } as Certificate;

    expect(isSealed(forged)).toBe(true);
    expect(verifySignature(forged, publicKey)).toMatchObject({ line: 'signature of the certificate' });
    expect(verifyCertificate(forged, { ...evidenceOf(BOOKS), publicKey })?.line).toBe('signature of the certificate');
  });

  test('shows a content that is not the one sealed', async () => {
    const { signer, publicKey } = keyPair();
    const signed = structuredClone(await sign(certificateOf(BOOKS), signer));
    signed.usage.clients = 2;

    expect(verifySignature(signed, publicKey)).toMatchObject({ line: 'hash of the certificate' });
  });
});

test.each([
  ['no key', 'hello'],
  [
    'a private key',
    String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })),
  ],
  [
    'another curve',
    String(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' })),
  ],
])('%s is refused as a public key', (_what, pem) => {
  expect(() => readPublicKey(pem)).toThrow(/no public key/);
});
