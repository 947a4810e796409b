const WEIGHT_OF_NEWEST = 0.05;
const HIGH_SHARE = 0.1;

/**
 * How often what this process remembers of a slice has been overtaken by another: a moving average. A failed write costs
 * ten times a read, so where more than one in ten would fail, slices are read again before they are written.
 */
export class Staleness {
  #share = 0;

  observe(wasStale: boolean): void {
    this.#share += WEIGHT_OF_NEWEST * (Number(wasStale) - this.#share);
  }

  /** Whether memory can be relied on without reading. */
  get isLow(): boolean {
    return this.#share < HIGH_SHARE;
  }
}
