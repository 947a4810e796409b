import { createHash } from 'node:crypto';
import type { Submission } from './books.ts';

/** What an idempotency key stands for when a request with it arrives. */
export type KeyState =
  | { kind: 'new' }
  | { kind: 'in-flight' }
  | { kind: 'replay'; submission: Submission }
  | { kind: 'other-body' };

interface KeyRecord {
  attempts: number;
  inFlight: boolean;
  bodyHash: string | undefined;
  /** When the key was bound to its body, in milliseconds of the API's time. */
  boundAt: number;
  submission: Submission | undefined;
}

/** The idempotency keys that the API has seen, for as long as it promises. Bodies are kept as their hashes. */
export class IdempotencyKeys {
  readonly #records = new Map<string, KeyRecord>();
  readonly #lifetime: number;

  /** @param lifetime milliseconds of the API's time after which a key means nothing any more */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** Counts an arrival, and says which of this key it is: 1 for the first. */
  arrived(key: string, now: number): number {
    const record = this.#recordOf(key);
    record.attempts += 1;
    if (!record.inFlight && now >= record.boundAt + this.#lifetime) {
      record.bodyHash = undefined;
      record.submission = undefined;
    }
    return record.attempts;
  }

  /** A key is bound to a body from the moment that work on it begins. */
  stateOf(key: string, body: Buffer): KeyState {
    const record = this.#recordOf(key);
    if (record.bodyHash !== undefined && record.bodyHash !== hashOf(body)) return { kind: 'other-body' };
    if (record.inFlight) return { kind: 'in-flight' };
    return record.submission ? { kind: 'replay', submission: record.submission } : { kind: 'new' };
  }

  begin(key: string, body: Buffer, now: number): void {
    Object.assign(this.#recordOf(key), { inFlight: true, bodyHash: hashOf(body), boundAt: now });
  }

  /** Work has ended: with a submission, or with nothing taken, which frees the key for any body. */
  end(key: string, submission: Submission | undefined): void {
    const record = this.#recordOf(key);
    record.inFlight = false;
    record.submission = submission;
    if (!submission) record.bodyHash = undefined;
  }

  #recordOf(key: string): KeyRecord {
    const known = this.#records.get(key);
    if (known) return known;
    const record: KeyRecord = { attempts: 0, inFlight: false, bodyHash: undefined, boundAt: 0, submission: undefined };
    this.#records.set(key, record);
    return record;
  }
}

function hashOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64');
}
