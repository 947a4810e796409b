import { hash } from 'node:crypto';

/**
 * What makes an event the same event: the first 16 bytes of a SHA-256 over its `source` and `id`, as a text of 16
 * one-byte characters, which is what a Set holds most compactly. CloudEvents 1.0 demands that `source` + `id` is unique
 * for each distinct event (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id).
 */
export type Identity = string;

/** The bytes that one identity takes in a Binary Set. */
export const IDENTITY_BYTES = 16;

/**
 * The identity of an event. `source` and `id` are joined as a JSON array: no two pairs have the same text, not even
 * ones with quotes, separators or halves of surrogate pairs in them.
 */
export function identityOf(source: string, id: string): Identity {
  return hash('sha256', JSON.stringify([source, id]), 'buffer').toString('latin1', 0, IDENTITY_BYTES);
}

/** The bytes of an identity, as the slice keeps them. */
export function bytesOfIdentity(identity: Identity): Uint8Array {
  return Buffer.from(identity, 'latin1');
}

/** The identity that these bytes are. */
export function identityOfBytes(bytes: Uint8Array): Identity {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** An identity for people: 32 hexadecimal digits. */
export function hexOfIdentity(identity: Identity): string {
  return Buffer.from(identity, 'latin1').toString('hex');
}
