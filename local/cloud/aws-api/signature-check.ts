import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { signingScopeOf } from './signing-scope.ts';

const SIGNED_HEADERS = /\bSignedHeaders=([^,\s]+)/;
const DATE = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;
const CONTENT_HASH = 'x-amz-content-sha256';

/**
 * Whether a request carries the signature that this secret makes of it, by signing it once more
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The access key id may
 * be anything: functions sign with their names.
 */
export async function isSignedWith(secret: string, request: IncomingMessage, body: Buffer): Promise<boolean> {
  const { authorization = '' } = request.headers;
  const scope = signingScopeOf(authorization);
  const [, names] = SIGNED_HEADERS.exec(authorization) ?? [];
  const date = dateOf(request.headers['x-amz-date']);
  if (!scope || !names || !date) return false;
  const signed = names.split(';');
  const hash = createHash('sha256').update(body).digest('hex');
  const claimed = request.headers[CONTENT_HASH];
  if (claimed !== undefined && claimed !== hash) return false;
  const signer = new SignatureV4({
    credentials: { accessKeyId: scope.accessKeyId, secretAccessKey: secret },
    region: scope.region,
    service: scope.service,
    sha256: Sha256,
    applyChecksum: false,
  });
  const expected = await signer.sign(signableRequest(request, signed, body), {
    signingDate: date,
    signableHeaders: new Set(signed),
  });
  return areEqual(signatureIn(expected.headers.authorization), signatureIn(authorization));
}

function signableRequest({ method = 'GET', url = '/', headers }: IncomingMessage, signed: string[], body: Buffer) {
  const [path = '/', query = ''] = url.split('?');
  return {
    method,
    protocol: 'http:',
    hostname: '127.0.0.1',
    path,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: Object.fromEntries(signed.map((name) => [name, String(headers[name] ?? '')])),
    body,
  };
}

/** `20261125T093000Z` */
function dateOf(text: string | string[] | undefined): Date | undefined {
  const [, year, month, day, hour, minute, second] = DATE.exec(String(text)) ?? [];
  return year ? new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) : undefined;
}

function signatureIn(authorization = ''): string {
  return /\bSignature=([0-9a-f]{64})\b/.exec(authorization)?.[1] ?? '';
}

function areEqual(one: string, other: string): boolean {
  return one.length > 0 && one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** SHA-256 of Node.js in the shape that the signer takes. */
class Sha256 {
  readonly #hash;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('the signer takes a new hash each time');
  }
}

function bytesOf(key: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof key === 'string') return Buffer.from(key);
  return ArrayBuffer.isView(key) ? new Uint8Array(key.buffer, key.byteOffset, key.byteLength) : new Uint8Array(key);
}
