/** What an entry takes besides its key's characters and its value: the map's share, the entry, the key's header. */
const ENTRY_BYTES = 150;

/** Keeps what was used last, within a number of bytes. Keys are taken as one byte a character, as ids are. */
export class BoundedCache<Value> {
  readonly #entries = new Map<string, { value: Value; bytes: number }>();
  readonly #maximumBytes: number;
  readonly #bytesOf: (value: Value) => number;
  #bytes = 0;

  /** @param bytesOf what a value takes; near enough, and never much too little */
  constructor(maximumBytes: number, bytesOf: (value: Value) => number) {
    this.#maximumBytes = maximumBytes;
    this.#bytesOf = bytesOf;
  }

  /** By this cache's own account. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Keeps a value as the one used last, and lets go of the ones not used for longest. */
  keep(key: string, value: Value): void {
    this.drop(key);
    const bytes = ENTRY_BYTES + key.length + this.#bytesOf(value);
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maximumBytes) break;
      this.drop(oldest);
    }
  }

  drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
