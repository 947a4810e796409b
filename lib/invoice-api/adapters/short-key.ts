import { createHash } from 'node:crypto';

const HASH_LENGTH = 32;

/**
 * A key of at most so many characters: itself when it is short enough, else its beginning and 128 bits of its SHA-256.
 * The same key gives the same for ever; two keys that begin alike stay two.
 */
export function shortKey(key: string, longest: number): string {
  if (key.length <= longest) return key;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_LENGTH);
  return `${key.slice(0, longest - HASH_LENGTH - 1)}.${hash}`;
}
