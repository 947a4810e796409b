import { MeterSums } from '../decimal/meter-sums.ts';
import type { MeterTotals } from '../usage/records.ts';
import type { AccountedState, ClientAccount } from './client-account.ts';
import type { Fault } from './kept-document.ts';

/** The account of many clients: what a worker hands on, and what all of them together come to. */
export interface Account {
  clients: number;
  clientDays: number;
  events: number;
  days: MeterTotals;
  packages: Record<AccountedState, number>;
  corrections: number;
  openPackages: number;
  acknowledged: number;
  lastProcessed: MeterTotals;
  revisions: MeterTotals;
  rejected: MeterTotals;
  parked: MeterTotals;
  open: MeterTotals;
  /** The first of the rejected packages, with what each would have added; absent in accounts of earlier versions. */
  rejectedPackages?: RejectedPackage[];
  /** How many contradictions there are in the books; the first of them are named. */
  faultCount: number;
  faults: Fault[];
}

/** A package that the invoice API rejected, and what its revision would have added. */
export interface RejectedPackage {
  packageId: string;
  totals: MeterTotals;
}

const FAULTS_NAMED = 20;
/** Enough to begin with; `packages --status rejected` lists them all. */
const REJECTED_NAMED = 20;
const METER_FIELDS = ['days', 'lastProcessed', 'revisions', 'rejected', 'parked', 'open'] as const;
const COUNT_FIELDS = [
  'clients',
  'clientDays',
  'events',
  'corrections',
  'openPackages',
  'acknowledged',
  'faultCount',
] as const;
const STATES = ['processed', 'rejected', 'parked', 'outstanding'] as const satisfies AccountedState[];

/** Adds up accounts, client by client and worker by worker, in any order. */
export class AccountFold {
  // Object.fromEntries forgets which keys it was given, here and for the counts.
  readonly #meters = Object.fromEntries(METER_FIELDS.map((field) => [field, new MeterSums()])) as Record<
    (typeof METER_FIELDS)[number],
    MeterSums
  >;
  readonly #counts = Object.fromEntries(COUNT_FIELDS.map((field) => [field, 0])) as Record<
    (typeof COUNT_FIELDS)[number],
    number
  >;
  readonly #packages: Record<AccountedState, number> = { processed: 0, rejected: 0, parked: 0, outstanding: 0 };
  readonly #faults: Fault[] = [];
  readonly #rejected: RejectedPackage[] = [];

  addClient({ days, dayCount, events, packages, open, faults }: ClientAccount): this {
    this.#counts.clients += 1;
    this.#counts.clientDays += dayCount;
    this.#counts.events += events;
    this.#meters.days.addAll(days);
    this.#meters.open.addAll(open);
    for (const each of packages) {
      this.#packages[each.state] += 1;
      if (each.isCorrection) this.#counts.corrections += 1;
      if (each.isOpen) this.#counts.openPackages += 1;
      if (each.acknowledgement) this.#counts.acknowledged += 1;
      this.#meters.lastProcessed.addAll(each.lastProcessed);
      this.#meters.revisions.addAll(each.revisionsAddedUp);
      if (each.state === 'rejected') this.#addRejected({ packageId: each.packageId, totals: each.unprocessed });
      if (each.state === 'parked') this.#meters.parked.addAll(each.unprocessed);
    }
    this.#addFaults(faults, faults.length);
    return this;
  }

  addAll(account: Account): this {
    for (const field of COUNT_FIELDS) if (field !== 'faultCount') this.#counts[field] += account[field];
    for (const field of METER_FIELDS) this.#meters[field].addAll(account[field]);
    for (const state of STATES) this.#packages[state] += account.packages[state];
    this.#nameRejected(account.rejectedPackages ?? []);
    this.#addFaults(account.faults, account.faultCount);
    return this;
  }

  result(): Account {
    const totals = (field: (typeof METER_FIELDS)[number]) => this.#meters[field].totals();
    return {
      ...this.#counts,
      days: totals('days'),
      lastProcessed: totals('lastProcessed'),
      revisions: totals('revisions'),
      rejected: totals('rejected'),
      parked: totals('parked'),
      open: totals('open'),
      packages: { ...this.#packages },
      rejectedPackages: [...this.#rejected],
      faults: [...this.#faults],
    };
  }

  #addRejected(rejected: RejectedPackage): void {
    this.#meters.rejected.addAll(rejected.totals);
    this.#nameRejected([rejected]);
  }

  #nameRejected(rejected: readonly RejectedPackage[]): void {
    this.#rejected.push(...rejected.slice(0, REJECTED_NAMED - this.#rejected.length));
  }

  #addFaults(faults: readonly Fault[], count: number): void {
    this.#counts.faultCount += count;
    this.#faults.push(...faults.slice(0, FAULTS_NAMED - this.#faults.length));
  }
}
