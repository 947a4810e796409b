import { hash } from 'node:crypto';
import { bytesOfIdentity, type Identity } from '../../lib/events/identity.ts';

const WORDS_OF_IDENTITY = 4;
const WORDS = WORDS_OF_IDENTITY + 1;
const LARGEST_LOAD = 0.7;

/** `new`: not met before. `same`: met with this content. `conflict`: met with another content. */
export type Meeting = 'new' | 'same' | 'conflict';

/**
 * Remembers event identities in 20 bytes each: the identity's 16, and 4 of a hash over the content. An open-addressing
 * table in one typed array, 28 to 57 bytes an event all in all: a million events take about 40 MB, where a Set of
 * strings takes about 200.
 */
export class IdentityTable {
  #slots: number;
  #words: Uint32Array;
  #size = 0;

  /** @param slots room for about 0.7 times as many identities before it grows; a power of two */
  constructor(slots = 1 << 16) {
    this.#slots = slots;
    this.#words = new Uint32Array(slots * WORDS);
  }

  /** How many distinct identities it has met. */
  get size(): number {
    return this.#size;
  }

  /** Remembers an identity. Two identities meet as one with a chance of 1 in 2^128. */
  meet(identity: Identity, content: string): Meeting {
    const words = new Uint32Array(WORDS);
    const bytes = Buffer.from(bytesOfIdentity(identity));
    for (let word = 0; word < WORDS_OF_IDENTITY; word++) words[word] = bytes.readUInt32LE(word * 4);
    words[WORDS_OF_IDENTITY] = hash('sha1', content, 'buffer').readUInt32LE(0);
    if (this.#size >= this.#slots * LARGEST_LOAD) this.#grow();
    return this.#put(words);
  }

  #put(words: Uint32Array): Meeting {
    let slot = (words[0] ?? 0) & (this.#slots - 1);
    for (;;) {
      const start = slot * WORDS;
      if (this.#isFree(start)) {
        this.#words.set(words, start);
        this.#size += 1;
        return 'new';
      }
      if (this.#holds(start, words)) {
        return this.#words[start + WORDS_OF_IDENTITY] === words[WORDS_OF_IDENTITY] ? 'same' : 'conflict';
      }
      slot = (slot + 1) & (this.#slots - 1);
    }
  }

  #isFree(start: number): boolean {
    for (let word = 0; word < WORDS_OF_IDENTITY; word++) if (this.#words[start + word] !== 0) return false;
    return true;
  }

  #holds(start: number, words: Uint32Array): boolean {
    for (let word = 0; word < WORDS_OF_IDENTITY; word++) {
      if (this.#words[start + word] !== words[word]) return false;
    }
    return true;
  }

  #grow(): void {
    const before = this.#words;
    this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * WORDS);
    this.#size = 0;
    for (let start = 0; start < before.length; start += WORDS) {
      const words = before.subarray(start, start + WORDS);
      if (words.subarray(0, WORDS_OF_IDENTITY).some((word) => word !== 0)) this.#put(words);
    }
  }
}
