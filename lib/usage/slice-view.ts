import type { Identity } from '../events/identity.ts';
import { emptyPage, type SlicePage } from './slice-page.ts';

/**
 * What this process knows of one slice: every identity of the sealed pages, and the one page that can still change. Sealed
 * pages never change, so what is known of them stays true; what is known of the open page is put to the test by its version.
 */
export class SliceView {
  readonly #sealed = new Set<Identity>();
  #open: SlicePage = emptyPage(0);

  /** The first page that is not known to be sealed; its version is 0 while it is not known to exist. */
  get open(): SlicePage {
    return this.#open;
  }

  /** How many identities are held, for the cache's accounts. */
  get size(): number {
    return this.#sealed.size + this.#open.identities.size + 1;
  }

  /** Whether an event with this identity is counted already, as far as is known. */
  holds(identity: Identity): boolean {
    return this.#open.identities.has(identity) || this.#sealed.has(identity);
  }

  /** Takes in a page as it was read or written: the open one, or one that follows. */
  absorb(page: SlicePage): void {
    if (page.number !== this.#open.number) throw new RangeError(`page ${page.number} after page ${this.#open.number}`);
    if (!page.sealed) {
      this.#open = page;
      return;
    }
    for (const identity of page.identities) this.#sealed.add(identity);
    this.#open = emptyPage(page.number + 1);
  }

  /** The open page turned out not to exist. */
  forgetOpen(): void {
    this.#open = emptyPage(this.#open.number);
  }
}

/** Views of the slices met last, bounded by the identities they hold: some 60 bytes each. */
export class SliceCache {
  readonly #views = new Map<string, { view: SliceView; size: number }>();
  readonly #maximumIdentities: number;
  #identities = 0;

  constructor(maximumIdentities: number) {
    this.#maximumIdentities = maximumIdentities;
  }

  get(key: string): SliceView | undefined {
    return this.#views.get(key)?.view;
  }

  /** Keeps a view as the one used last, and lets go of the ones not used for longest. */
  keep(key: string, view: SliceView): void {
    this.drop(key);
    this.#views.set(key, { view, size: view.size });
    this.#identities += view.size;
    for (const oldest of this.#views.keys()) {
      if (this.#identities <= this.#maximumIdentities) break;
      this.drop(oldest);
    }
  }

  drop(key: string): void {
    this.#identities -= this.#views.get(key)?.size ?? 0;
    this.#views.delete(key);
  }
}

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
