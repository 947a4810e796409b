import type { InvoiceApi } from '../invoice-api/invoice-api.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { Clock } from '../quota/pacer.ts';
import type { Quota } from '../quota/quota.ts';
import type { Notifications } from '../runs/notifications.ts';
import type { OutstandingPackages, PackageSelection } from '../store/outstanding-packages.ts';
import type { PackageCounts } from '../store/package-reader.ts';
import type { PackageStore, PackageTransitions } from '../store/package-store.ts';
import type { QuotaCalendarStore } from '../store/quota-calendar-store.ts';
import type { RunStore } from '../store/run-store.ts';

/** What a stage says about its invoice API and about sending. */
export interface SendingSettings {
  quota: Quota;
  maximumConcurrency: number;
  requestTimeoutMilliseconds: number;
  attemptsLimit: number;
  processingDeadlineMilliseconds: number;
  /** How long the API remembers an idempotency key, as far as its owner promises. */
  keyRetentionMilliseconds: number;
  pollStartMilliseconds: number;
  pollMaximumMilliseconds: number;
  /** Packages to send first; 0 for none. */
  canary: number;
  /** Requests that one package takes at most; absent: one. */
  requestsPerSubmission?: number;
  /** The share of failed packages above which a run stops, 0 to 1. */
  failureShareLimit: number;
}

/** What operators see of sending, as counts and times. */
export interface SendingMetrics {
  count(
    name:
      | 'PackagesSent'
      | 'PackagesSetAside'
      | 'RequestsThrottled'
      | 'RequestsUnknown'
      | 'RequestsBooked'
      | 'StatusReads'
      | 'MinutesWithoutAnswer'
      | 'MinutesBlocked',
    value: number,
  ): void;
  milliseconds(name: 'InvoiceApiLatency' | 'SenderIdle', value: number): void;
}

/** For tasks that send nothing. */
export const NO_METRICS: SendingMetrics = { count: () => {}, milliseconds: () => {} };

/** What the tasks of sending work with. */
export interface Sending {
  settings: SendingSettings;
  clock: Clock;
  /** Names this machine's clock in the quota calendar. */
  clockId: string;
  calendar: QuotaCalendarStore;
  outstanding: OutstandingPackages;
  packages: PackageStore;
  transitions: PackageTransitions;
  runs: RunStore;
  metrics: SendingMetrics;
}

/** What tasks need besides that speak to the API. */
export interface SendingWithApi extends Sending {
  api: InvoiceApi;
  /** Milliseconds that the calling Lambda has left. */
  remainingMilliseconds(): number;
}

/**
 * How long the API is sure to remember a key, in milliseconds: what the stage says, or less where its adapter knows
 * better.
 */
export function keyRetention({ settings, api }: Pick<SendingWithApi, 'settings' | 'api'>): number {
  if (api.facts.looksUp) return Number.POSITIVE_INFINITY;
  return Math.min(settings.keyRetentionMilliseconds, api.facts.keyRetentionMilliseconds);
}

/** What the tasks that decide need besides. */
export interface Deciding extends Sending {
  notifications: Notifications;
  /** @param since when the run was started, in RFC 3339, UTC */
  countPackages(selection: PackageSelection, since?: string): Promise<PackageCounts>;
  /** How often people have decided on held packages of a period. */
  decisions(periodId: PeriodId): Promise<number>;
}
