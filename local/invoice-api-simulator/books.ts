import Big from 'big.js';
import type { components } from '../../lib/invoice-api/contract.ts';
import type { FaultRates, Profile } from './profiles.ts';
import { type Draw, durationOf } from './random.ts';

type PackageBody = components['schemas']['Package'];
export type PackageReport = components['schemas']['PackageReport'];
export type Status = components['schemas']['PackageStatus'];

/** Exact totals, meter to plain decimal; a meter that is no sum has its kind behind it: `seats#maximum`. */
export type Totals = Record<string, string>;

/** One submission that was taken. Of its body only the totals and the hash are kept. */
export interface Submission {
  packageId: string;
  revision: number;
  submission: number;
  contentHash: string;
  totals: ReadonlyMap<string, Big>;
  acceptedAt: number;
  /** When its status becomes final; Infinity while it is stuck or lost. */
  settlesAt: number;
  settlesAs: 'processed' | 'unprocessed' | 'rejected';
  reason: string | undefined;
  /** Accepted, but not to be found. */
  lost: boolean;
}

interface BookedPackage {
  packageId: string;
  clientId: string;
  periodId: string;
  submissions: Submission[];
}

const REASONS = {
  processed: undefined,
  unprocessed: 'the job did not run; send it again',
  rejected: 'the recipient is not registered for invoices',
  duplicate: 'duplicate: a document with this business key exists',
} as const;

/**
 * What the simulated API holds: every package, its submissions, and the state of each. Times are the API's, in ms.
 */
export class Books {
  acceptedTwice = 0;
  readonly #profile: Profile;
  readonly #draw: Draw;
  readonly #packages = new Map<string, BookedPackage>();
  /** Package ids by period, sorted when a listing asks and something is new. */
  readonly #periods = new Map<string, { ids: string[]; sorted: boolean }>();

  constructor(profile: Profile, draw: Draw) {
    this.#profile = profile;
    this.#draw = draw;
  }

  /** Takes a submission that has not been taken before. Its fate is decided here, by its names alone. */
  take(body: PackageBody, now: number, rates: FaultRates): Submission {
    const booked = this.#packageOf(body);
    const rivals = booked.submissions.filter((other) => other.revision === body.revision);
    if (rivals.some((other) => this.#mayBeProcessed(other, now))) this.acceptedTwice += 1;
    const taken: Submission = {
      packageId: body.packageId,
      revision: body.revision,
      submission: body.submission,
      contentHash: body.contentHash,
      totals: totalsOf(body),
      acceptedAt: now,
      ...this.#fateOf(body, now, rates),
    };
    booked.submissions.push(taken);
    return taken;
  }

  /** The submission arrived once more: what was stuck or lost is worked on after all. */
  remind(submission: Submission, now: number): void {
    if (submission.lost) submission.lost = false;
    if (submission.settlesAt === Number.POSITIVE_INFINITY) {
      submission.acceptedAt = now;
      submission.settlesAt = now + this.#processingTime(submission);
    }
  }

  statusOf(submission: Submission, now: number): Status {
    if (now >= submission.settlesAt) return submission.settlesAs;
    const halfway = submission.acceptedAt + (submission.settlesAt - submission.acceptedAt) / 2;
    return now < halfway && submission.settlesAt !== Number.POSITIVE_INFINITY ? 'queued' : 'processing';
  }

  /** The reports of these packages; unknown and lost ones are absent, and a fault lists a share of them twice. */
  reportsOf(packageIds: Iterable<string>, now: number, rates: FaultRates): PackageReport[] {
    const reports: PackageReport[] = [];
    for (const id of packageIds) {
      const booked = this.#packages.get(id);
      const report = booked && this.#reportOf(booked, now);
      if (!report) continue;
      const isListedTwice = this.#draw('duplicateIds', id) < rates.duplicateIds;
      reports.push(report, ...(isListedTwice ? [report] : []));
    }
    return reports;
  }

  /** One page of a period's packages, in the order of their ids, after the one that the cursor names. */
  page(
    periodId: string,
    after: string | undefined,
    size: number,
    now: number,
    rates: FaultRates,
  ): { packages: PackageReport[]; last?: string } {
    const period = this.#periods.get(periodId);
    if (!period) return { packages: [] };
    if (!period.sorted) {
      period.ids.sort();
      period.sorted = true;
    }
    const begin = after === undefined ? 0 : firstAfter(period.ids, after);
    const ids = period.ids.slice(begin, begin + size);
    const last = begin + size < period.ids.length ? ids.at(-1) : undefined;
    return { packages: this.reportsOf(ids, now, rates), ...(last === undefined ? {} : { last }) };
  }

  /** Packages by the status of their latest submission; `lost` for those that no listing shows. */
  countByStatus(now: number): Record<Status | 'lost', number> {
    const counts = { queued: 0, processing: 0, processed: 0, unprocessed: 0, rejected: 0, lost: 0 };
    for (const booked of this.#packages.values()) counts[this.#reportOf(booked, now)?.status ?? 'lost'] += 1;
    return counts;
  }

  /** Per period and meter, the exact sum over all packages of the latest revision that was processed. */
  totalsByPeriod(now: number): Record<string, Totals> {
    return sums(this.#processed(now), (booked) => booked.periodId);
  }

  /** The same per client: keys are `<period> <client>`. */
  totalsByClient(now: number): Record<string, Totals> {
    return sums(this.#processed(now), (booked) => `${booked.periodId} ${booked.clientId}`);
  }

  /** The same per package: keys are package ids. */
  totalsByPackage(now: number): Record<string, Totals> {
    return sums(this.#processed(now), (booked) => booked.packageId);
  }

  *#processed(now: number): Generator<[BookedPackage, Submission]> {
    for (const booked of this.#packages.values()) {
      const last = latest(booked.submissions.filter((submission) => this.statusOf(submission, now) === 'processed'));
      if (last) yield [booked, last];
    }
  }

  #reportOf(booked: BookedPackage, now: number): PackageReport | undefined {
    const shown = latest(booked.submissions.filter((submission) => !submission.lost));
    if (!shown) return undefined;
    const status = this.statusOf(shown, now);
    const processed = booked.submissions.filter((other) => this.statusOf(other, now) === 'processed');
    return {
      id: booked.packageId,
      status,
      revision: shown.revision,
      submission: shown.submission,
      ...(status === shown.settlesAs && shown.reason ? { reason: shown.reason } : {}),
      contentHash: shown.contentHash,
      processedRevision: latest(processed)?.revision ?? 0,
    };
  }

  #packageOf(body: PackageBody): BookedPackage {
    const known = this.#packages.get(body.packageId);
    if (known) return known;
    const booked: BookedPackage = {
      packageId: body.packageId,
      clientId: body.clientId,
      periodId: body.period.id,
      submissions: [],
    };
    this.#packages.set(body.packageId, booked);
    const period = this.#periods.get(body.period.id) ?? { ids: [], sorted: true };
    period.ids.push(body.packageId);
    period.sorted = false;
    this.#periods.set(body.period.id, period);
    return booked;
  }

  #mayBeProcessed(submission: Submission, now: number): boolean {
    const status = this.statusOf(submission, now);
    return status !== 'unprocessed' && status !== 'rejected';
  }

  #fateOf(body: PackageBody, now: number, rates: FaultRates) {
    const { packageId, revision, submission } = body;
    const befalls = (fault: keyof FaultRates, ...names: (string | number)[]): boolean =>
      this.#draw(fault, packageId, revision, ...names) < rates[fault];
    const time = this.#processingTime(body);
    const lost = befalls('lostStatus', submission);
    const waits = lost || befalls('stuckProcessing', submission);
    const settled = (settlesAs: Submission['settlesAs'], reason: string | undefined, settlesAt: number) => ({
      settlesAs,
      reason,
      settlesAt: waits ? Number.POSITIVE_INFINITY : settlesAt,
      lost,
    });
    if (befalls('lateRejection')) return settled('rejected', REASONS.rejected, now + 2 * time);
    if (befalls('duplicateRejection')) return settled('rejected', REASONS.duplicate, now + time);
    const mayFail = submission === 1 || !this.#profile.unprocessedOnce;
    if (mayFail && befalls('unprocessed', submission)) return settled('unprocessed', REASONS.unprocessed, now + time);
    return settled('processed', REASONS.processed, now + time);
  }

  #processingTime({
    packageId,
    revision,
    submission,
  }: Pick<Submission, 'packageId' | 'revision' | 'submission'>): number {
    const draw = (purpose: string): number => this.#draw('processing', purpose, packageId, revision, submission);
    return durationOf(this.#profile.processing, draw) * 1000;
  }
}

function latest(submissions: Submission[]): Submission | undefined {
  return submissions.reduce<Submission | undefined>((best, next) => {
    if (!best || next.revision > best.revision) return next;
    return next.revision === best.revision && next.submission > best.submission ? next : best;
  }, undefined);
}

function totalsOf(body: PackageBody): ReadonlyMap<string, Big> {
  const totals = new Map<string, Big>();
  for (const { meter, kind, quantity } of body.lines) {
    const name = kind === undefined ? meter : `${meter}#${kind}`;
    totals.set(name, (totals.get(name) ?? Big(0)).plus(quantity));
  }
  return totals;
}

function sums(
  processed: Iterable<[BookedPackage, Submission]>,
  keyOf: (booked: BookedPackage) => string,
): Record<string, Totals> {
  const byKey = new Map<string, Map<string, Big>>();
  for (const [booked, submission] of processed) {
    const key = keyOf(booked);
    const totals = byKey.get(key) ?? new Map<string, Big>();
    for (const [meter, quantity] of submission.totals) totals.set(meter, (totals.get(meter) ?? Big(0)).plus(quantity));
    byKey.set(key, totals);
  }
  return Object.fromEntries(
    [...byKey].map(([key, totals]) => [
      key,
      Object.fromEntries([...totals].sort().map(([meter, total]) => [meter, total.toFixed()])),
    ]),
  );
}

function firstAfter(sorted: string[], after: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
