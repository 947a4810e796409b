import { MeterSums } from '../decimal/meter-sums.ts';
import type { PackageDecision } from '../packages/decision.ts';
import { PACKAGE_STATES, type PackageState } from '../packages/package.ts';
import type { MeterTotals } from '../usage/records.ts';

/** What one step of a worker adds to the account of its run. Sums are exact decimals by meter. */
export interface ChunkSums {
  clients: number;
  days: number;
  /** Usage slices read. */
  slices: number;
  events: number;
  /** Usage as it was billed from: folded slices, or kept daily records where slices may have expired. */
  usage: MeterTotals;
  /** Packages by decision. */
  decisions: Partial<Record<PackageDecision, number>>;
  /** Clients whose packages did not change, did, or are the first: what a preview counts. */
  clientsByChange: { new: number; changed: number; unchanged: number };
  /** What the revisions made now add to what was processed before. */
  difference: MeterTotals;
  /** Packages by state, when the worker looked; an earlier version knew fewer states. */
  states: Record<PackageState, number>;
  /** Revisions after the first among the current ones. */
  corrections: number;
  /**
   * Clients with packages and no records, or with fewer events than were packaged. A lost record must not become a
   * credit.
   */
  clientsWithoutRecords: number;
  /** Days that had more events when they were last folded than their slices have now. They are left as they are. */
  daysWithMissingSlices: number;
}

type MeterField = 'usage' | 'difference';
type CountField = Exclude<keyof ChunkSums, MeterField | 'decisions' | 'clientsByChange' | 'states'>;

const COUNT_FIELDS: CountField[] = [
  'clients',
  'days',
  'slices',
  'events',
  'corrections',
  'clientsWithoutRecords',
  'daysWithMissingSlices',
];

/** Adds up sums, while packages are made and again over all workers. */
export class SumsFold {
  readonly usage = new MeterSums();
  readonly difference = new MeterSums();
  // Object.fromEntries forgets which keys it was given, here and for the states.
  readonly #counts = Object.fromEntries(COUNT_FIELDS.map((field) => [field, 0])) as Record<CountField, number>;
  readonly #decisions: Partial<Record<PackageDecision, number>> = {};
  readonly #clientsByChange = { new: 0, changed: 0, unchanged: 0 };
  readonly #states = Object.fromEntries(PACKAGE_STATES.map((state) => [state, 0])) as Record<PackageState, number>;

  count(field: CountField, by = 1): void {
    this.#counts[field] += by;
  }

  addDecision(decision: PackageDecision, by = 1): void {
    this.#decisions[decision] = (this.#decisions[decision] ?? 0) + by;
  }

  addClient(change: keyof ChunkSums['clientsByChange'], by = 1): void {
    this.#clientsByChange[change] += by;
  }

  addState(state: PackageState, by = 1): void {
    this.#states[state] += by;
  }

  /** Adds what another worker, or an earlier step, found. */
  addAll(sums: ChunkSums): void {
    this.usage.addAll(sums.usage);
    this.difference.addAll(sums.difference);
    this.addCounts(sums);
  }

  /** The same without sums by meter, of which there may be a million. */
  addCounts(sums: ChunkSums): void {
    for (const field of COUNT_FIELDS) this.#counts[field] += sums[field];
    for (const [decision, count] of Object.entries(sums.decisions)) {
      // The keys are decisions; Object.entries widens them to text.
      this.addDecision(decision as PackageDecision, count);
    }
    for (const change of ['new', 'changed', 'unchanged'] as const) this.addClient(change, sums.clientsByChange[change]);
    for (const state of PACKAGE_STATES) this.addState(state, sums.states[state] ?? 0);
  }

  result(): ChunkSums {
    return {
      ...this.#counts,
      usage: this.usage.totals(),
      difference: this.difference.totals(),
      decisions: this.#decisions,
      clientsByChange: this.#clientsByChange,
      states: this.#states,
    };
  }
}
