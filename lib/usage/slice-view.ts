import type { Identity } from '../events/identity.ts';
import { BoundedCache } from './bounded-cache.ts';
import { type Identities, IdentitySet } from './identity-set.ts';
import { emptyPage, type SlicePage } from './slice-page.ts';

/** So many sets of sealed pages are looked through one by one before they become one. */
const SETS_LOOKED_THROUGH = 8;

/** What a view takes with one page of one meter and no identity: objects, maps and their first places. */
const VIEW_BYTES = 800;
/** Its 16 characters, and its share of an index. */
const BYTES_PER_IDENTITY = 32;
const BYTES_PER_LATE_EVENT = 90;
const BYTES_PER_METER = 150;

/**
 * What this process knows of one slice: every identity of the sealed pages, and the one page that can still change.
 * Sealed pages never change, so what is known of them stays true; what is known of the open page is put to the test by
 * its version.
 */
export class SliceView {
  #sealed: Identities[] = [];
  #sealedSize = 0;
  #open: SlicePage = emptyPage(0);

  /** The first page that is not known to be sealed; its version is 0 while it is not known to exist. */
  get open(): SlicePage {
    return this.#open;
  }

  /** What it takes in memory, near enough. */
  get bytes(): number {
    const { identities, late, totals } = this.#open;
    return (
      VIEW_BYTES +
      (this.#sealedSize + identities.size) * BYTES_PER_IDENTITY +
      late.size * BYTES_PER_LATE_EVENT +
      totals.size * BYTES_PER_METER
    );
  }

  /** Whether an event with this identity is counted already, as far as is known. */
  holds(identity: Identity): boolean {
    return this.#open.identities.has(identity) || this.#sealed.some((identities) => identities.has(identity));
  }

  /** Takes in a page as it was read or written: the open one, or one that follows. */
  absorb(page: SlicePage): void {
    if (page.number !== this.#open.number) throw new RangeError(`page ${page.number} after page ${this.#open.number}`);
    if (!page.sealed) {
      this.#open = page;
      return;
    }
    this.#sealed.push(page.identities);
    this.#sealedSize += page.identities.size;
    if (this.#sealed.length > SETS_LOOKED_THROUGH) this.#sealed = [IdentitySet.union(this.#sealed)];
    this.#open = emptyPage(page.number + 1);
  }

  /**
   * Takes in what a query found from the open page on, in order. A query is no snapshot: a page can be shown as it was
   * before another instance sealed it, and the page that this instance began then beside it. What follows an open page
   * is left for later; the open page's version refuses those who go by it.
   */
  absorbAll(pages: readonly SlicePage[]): void {
    if (pages.length === 0) this.#open = emptyPage(this.#open.number);
    for (const page of pages) {
      if (page.number !== this.#open.number) break;
      this.absorb(page);
    }
  }
}

/** Views of the slices met last, bounded by what they take in memory. */
export class SliceCache extends BoundedCache<SliceView> {
  constructor(maximumBytes: number) {
    super(maximumBytes, (view) => view.bytes);
  }
}

const WEIGHT_OF_NEWEST = 0.05;
const HIGH_SHARE = 0.1;

/**
 * How often what this process remembers of a slice has been overtaken by another: a moving average. A failed write
 * costs ten times a read, so where more than one in ten would fail, slices are read again before they are written.
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
