import { firstDifference, MeterSums } from '../../lib/decimal/meter-sums.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';

/** A package that is not as it should be in the end. */
export interface FoundPackage {
  packageId: string;
  clientId: string;
  reason: string;
}

/** Some of the packages of one kind, and how many there are. */
export interface FoundPackages {
  count: number;
  /** The first of them. */
  named: readonly FoundPackage[];
}

const PACKAGES_NAMED = 10;

/** Gathers packages with something about them. Holds a few names, however many there are. */
class Findings implements FoundPackages {
  count = 0;
  readonly named: FoundPackage[] = [];

  add(found: FoundPackage): void {
    this.count += 1;
    if (this.named.length < PACKAGES_NAMED) this.named.push(found);
  }
}

/** What the API processed of a package, as far as it can be told. */
export interface ProcessedContent {
  /** Whether it is exactly what the package holds now. */
  isCurrent: boolean;
  /** What the API says instead, in words. */
  instead: string;
}

/** Packages that were not billed, and those that the API tells otherwise than we do. */
export class PackageFindings {
  /** The API rejected them, or they wait for a person. */
  readonly refused = new Findings();
  /** The API says something else of them than we do: billed or not, or with other content. */
  readonly differing = new Findings();
  readonly #refusedSums = new MeterSums();

  /** What the packages that were not billed hold, by meter. */
  get refusedTotals(): MeterTotals {
    return this.#refusedSums.totals();
  }

  /**
   * Looks at one package.
   * @param totals what its current revision holds
   * @param processed what the API says of it
   */
  add(head: PackageHead, totals: MeterTotals, processed: ProcessedContent): void {
    const { packageId, clientId, state } = head;
    const isRefused = state === 'rejected' || state === 'parked';
    if (isRefused && processed.isCurrent) {
      // Billed, whatever we have it as: counted with what the API processed, and not with what is not billed.
      const why = `we have it ${state} (${reasonOf(head)}), and the API has processed it`;
      this.differing.add({ packageId, clientId, reason: `${why}: do not send it under a new key` });
    } else if (isRefused) {
      this.#refusedSums.addAll(totals);
      this.refused.add({ packageId, clientId, reason: `${state}: ${reasonOf(head)}` });
    } else if (!processed.isCurrent) {
      const ours = state === 'processed' ? 'processed' : `still ${state}`;
      this.differing.add({ packageId, clientId, reason: `we have it ${ours}, the API ${processed.instead}` });
    }
  }
}

function reasonOf({ reason, attempts }: PackageHead): string {
  return reason ?? attempts.at(-1)?.reason ?? 'no reason was given';
}

/** What the API processed of a package, held against what the package holds. */
export function contentOf(totals: MeterTotals, processed: MeterTotals | undefined): ProcessedContent {
  if (!processed) return { isCurrent: false, instead: 'has not processed it' };
  const different = firstDifference(totals, processed);
  if (!different) return { isCurrent: true, instead: '' };
  const { meter, one, other } = different;
  return { isCurrent: false, instead: `processed ${other} ${meter} where the package has ${one}` };
}
