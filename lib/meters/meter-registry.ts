import type { RegisteredMeter } from './meter.ts';

/** Where the registry of meters is kept. */
export interface MeterEntries {
  /** How often the registry has changed; 0 while nothing was ever registered. */
  revision(): Promise<number>;
  /** Every meter as it was registered last. */
  list(): Promise<RegisteredMeter[]>;
}

/** For how long a process goes by what it read: so soon a change is known to every one. */
export const KNOWN_FOR_MILLISECONDS = 60_000;

/**
 * The meters as one process knows them. It asks once a minute whether anything has changed, by one small read, and
 * reads the meters only if something has.
 */
export class MeterRegistry {
  readonly #entries: MeterEntries;
  readonly #now: () => number;
  #meters: ReadonlyMap<string, RegisteredMeter> = new Map();
  #revision = 0;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(entries: MeterEntries, now: () => number = Date.now) {
    this.#entries = entries;
    this.#now = now;
  }

  /** @throws whatever the store throws: what is not known to be right is not counted by */
  async current(): Promise<ReadonlyMap<string, RegisteredMeter>> {
    const at = this.#now();
    if (at - this.#askedAt < KNOWN_FOR_MILLISECONDS) return this.#meters;
    const revision = await this.#entries.revision();
    if (revision !== this.#revision) {
      // Read after the revision: what is registered meanwhile is in it, and read once more at the next look.
      const meters = await this.#entries.list();
      this.#meters = new Map(meters.map((meter) => [meter.name, meter]));
      this.#revision = revision;
    }
    this.#askedAt = at;
    return this.#meters;
  }
}
