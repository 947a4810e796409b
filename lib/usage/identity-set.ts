import { IDENTITY_BYTES, type Identity } from '../events/identity.ts';

/** What a page needs to know of its identities; a `Set` will do. */
export type Identities = Iterable<Identity> & Pick<ReadonlySet<Identity>, 'has' | 'size'>;

/** Up to this many are compared one by one. */
const SMALL = 16;

/**
 * Identities in one text, 16 characters each, and from a number on with an index of 8 to 16 bytes for each: a third of
 * what a Set of texts takes, where an instance remembers a million of them. Never changes.
 */
export class IdentitySet implements Iterable<Identity> {
  readonly size: number;
  readonly #text: string;
  /** Open addressing: the number of an identity, from 1, at a place that its first four bytes lead to. */
  #index: Uint32Array | undefined;

  private constructor(text: string) {
    this.#text = text;
    this.size = text.length / IDENTITY_BYTES;
  }

  /** @param identities all different */
  static of(identities: Iterable<Identity>): IdentitySet {
    if (identities instanceof IdentitySet) return identities;
    return new IdentitySet([...identities].join(''));
  }

  /** The identities of several sets that have none in common. */
  static union(sets: readonly Identities[]): IdentitySet {
    return new IdentitySet(sets.map((set) => IdentitySet.of(set).#text).join(''));
  }

  has(identity: Identity): boolean {
    if (this.size > SMALL) return this.#isIndexed(identity);
    for (let number = 0; number < this.size; number++) {
      if (this.#text.startsWith(identity, number * IDENTITY_BYTES)) return true;
    }
    return false;
  }

  *[Symbol.iterator](): Generator<Identity> {
    for (let start = 0; start < this.#text.length; start += IDENTITY_BYTES) {
      yield this.#text.slice(start, start + IDENTITY_BYTES);
    }
  }

  #isIndexed(identity: Identity): boolean {
    this.#index ??= this.#makeIndex();
    const mask = this.#index.length - 1;
    for (let place = placeOf(identity, 0) & mask; ; place = (place + 1) & mask) {
      const number = this.#index[place] ?? 0;
      if (number === 0) return false;
      if (this.#text.startsWith(identity, (number - 1) * IDENTITY_BYTES)) return true;
    }
  }

  #makeIndex(): Uint32Array {
    const index = new Uint32Array(2 ** Math.ceil(Math.log2(this.size * 2)));
    const mask = index.length - 1;
    for (let number = 0; number < this.size; number++) {
      let place = placeOf(this.#text, number * IDENTITY_BYTES) & mask;
      while (index[place] !== 0) place = (place + 1) & mask;
      index[place] = number + 1;
    }
    return index;
  }
}

/** Identities are hashes, so any bytes of theirs are spread evenly. */
function placeOf(text: string, start: number): number {
  return (
    (text.charCodeAt(start) |
      (text.charCodeAt(start + 1) << 8) |
      (text.charCodeAt(start + 2) << 16) |
      (text.charCodeAt(start + 3) << 24)) >>>
    0
  );
}
