import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import { contentOf, type ProcessedContent } from './package-findings.ts';
import type { MainJobAccount } from './reconciliation.ts';
import type { VendorAccess } from './vendor-access.ts';

/** Adds up what a vendor's API is told of packages, and holds each client's against the vendor's books. */
export class ToldSums {
  readonly #vendor: VendorAccess;
  readonly #booksAreOfOnePeriod: boolean;
  readonly #packages = new MeterSums();
  readonly #refused = new MeterSums();
  readonly #meters = new Set<string>();

  /** @param booksAreOfOnePeriod vendors keep one account for each customer, whatever the period */
  constructor(vendor: VendorAccess, booksAreOfOnePeriod: boolean) {
    this.#vendor = vendor;
    this.#booksAreOfOnePeriod = booksAreOfOnePeriod;
  }

  /** Counts a package. */
  add(head: PackageHead, totals: MeterTotals): ProcessedContent {
    const told = this.#vendor.told(totals);
    for (const [meter, quantity] of Object.entries(told)) if (quantity !== totals[meter]) this.#meters.add(meter);
    this.#packages.addAll(told);
    if (head.state === 'rejected' || head.state === 'parked') this.#refused.addAll(told);
    // A customer's account is of one package only where a client has one, in one period.
    if (!this.#booksAreOfOnePeriod || head.parts > 1) return { isCurrent: true, instead: '' };
    return contentOf(told, this.#vendor.billed(head.clientId));
  }

  account(): NonNullable<MainJobAccount['rounded']> {
    return { meters: [...this.#meters], packages: this.#packages.totals(), refused: this.#refused.totals() };
  }
}
