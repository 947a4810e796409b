import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Service } from './aws-api-server.ts';
import { AwsError } from './aws-error.ts';

const ALGORITHM = 'ECDSA_SHA_256';
const CURVE = 'P-256';

const signInput = z.object({
  KeyId: z.string(),
  Message: z.string(),
  MessageType: z.literal('RAW'),
  SigningAlgorithm: z.literal(ALGORITHM),
});
const getPublicKeyInput = z.object({ KeyId: z.string() });

/**
 * KMS's `Sign` and `GetPublicKey` for the signing keys that the template declares
 * (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html). All of them are one key pair of this local
 * cloud.
 * @param keyIds as `Ref` gives them
 * @param file keeps the key pair, for this user alone; without it each start has another
 */
export function keyApi(keyIds: readonly string[], file?: string): Service {
  const privateKey = keyOf(file);
  const known = (keyId: string) => {
    if (!keyIds.includes(keyId)) throw new AwsError('NotFoundException', `Key ${keyId} does not exist.`);
    return keyId;
  };
  return {
    Sign(input) {
      const { KeyId, Message } = signInput.parse(input);
      const signature = sign('sha256', Buffer.from(Message, 'base64'), privateKey);
      return { KeyId: known(KeyId), Signature: signature.toString('base64'), SigningAlgorithm: ALGORITHM };
    },
    GetPublicKey(input) {
      const { KeyId } = getPublicKeyInput.parse(input);
      const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
      return { KeyId: known(KeyId), PublicKey: der.toString('base64'), SigningAlgorithms: [ALGORITHM] };
    },
  };
}

function keyOf(file: string | undefined): KeyObject {
  if (file && existsSync(file)) return createPrivateKey(readFileSync(file));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: CURVE });
  if (file) writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return privateKey;
}
