import { KMSClient, SignCommand } from '@aws-sdk/client-kms';
import type { Signer } from '../../lib/certificate/signature.ts';

const ALGORITHM = 'ECDSA_SHA_256';
/** What the variable says where the stage has no key. */
const NO_KEY = 'none';

/** Signs with the stage's key in KMS, which never leaves it; nothing where the stage has none. */
export function certificateSigner(keyId: string): Signer | undefined {
  if (keyId === NO_KEY) return undefined;
  const client = new KMSClient();
  return async (text) => {
    const { Signature = new Uint8Array(), KeyId = keyId } = await client.send(
      new SignCommand({ KeyId: keyId, Message: Buffer.from(text), MessageType: 'RAW', SigningAlgorithm: ALGORITHM }),
    );
    return { algorithm: ALGORITHM, keyId: KeyId, value: Buffer.from(Signature).toString('base64') };
  };
}
