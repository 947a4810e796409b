import { randomUUID } from 'node:crypto';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { SYSTEM_CLOCK } from '../../lib/quota/pacer.ts';
import { parseQuotaWindows } from '../../lib/quota/quota.ts';
import type { Deciding, Sending, SendingMetrics, SendingSettings } from '../../lib/sending/sending.ts';
import { ApprovalStore } from '../../lib/store/approval-store.ts';
import { OutstandingPackages } from '../../lib/store/outstanding-packages.ts';
import { countPackages } from '../../lib/store/package-reader.ts';
import { PackageStore, PackageTransitions } from '../../lib/store/package-store.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables, type Variables } from './variables.ts';

/** What every task of sending reads from its environment. */
const NAMES = [
  'PACKAGES_TABLE',
  'RUNS_TABLE',
  'SEND_QUOTA',
  'STATUS_QUOTA',
  'SHARED_QUOTA',
  'INVOICE_API_CONCURRENCY',
  'REQUEST_TIMEOUT_SECONDS',
  'ATTEMPTS_LIMIT',
  'PROCESSING_DEADLINE_SECONDS',
  'KEY_RETENTION_SECONDS',
  'POLL_START_SECONDS',
  'POLL_MAXIMUM_SECONDS',
  'CANARY',
  'FAILURE_SHARE_LIMIT',
  'REQUESTS_PER_SUBMISSION',
] as const;

/** This machine's clock, as the quota calendar names it: another execution environment is another name. */
const CLOCK_ID = randomUUID().slice(0, 8);

/**
 * What tasks of sending work with, from the environment of their function.
 * @throws InvalidEnvironment naming every fault
 */
export function sendingFrom(
  environment: Environment,
  metrics: SendingMetrics,
): Sending & Pick<Deciding, 'countPackages' | 'decisions'> {
  const read = readVariables(environment, ...NAMES);
  const tables = tablesOf(read);
  return {
    settings: settingsOf(read),
    clock: SYSTEM_CLOCK,
    clockId: CLOCK_ID,
    // Two stages with the same API are two stacks with tables of their own; one stage speaks to one API.
    calendar: new QuotaCalendarStore(tables, 'invoice-api'),
    outstanding: new OutstandingPackages(tables),
    packages: new PackageStore(tables),
    transitions: new PackageTransitions(tables),
    runs: new RunStore(tables),
    metrics,
    decisions: (periodId) => new ApprovalStore(tables).decisions(periodId),
    countPackages: (selection, since) => countPackages(tables, selection, since === undefined ? {} : { since }),
  };
}

function settingsOf(read: Variables<(typeof NAMES)[number]>): SendingSettings {
  return {
    quota: {
      send: parseQuotaWindows(read.SEND_QUOTA),
      status: parseQuotaWindows(read.STATUS_QUOTA),
      shared: parseQuotaWindows(read.SHARED_QUOTA),
    },
    maximumConcurrency: read.INVOICE_API_CONCURRENCY,
    requestTimeoutMilliseconds: read.REQUEST_TIMEOUT_SECONDS * 1000,
    attemptsLimit: read.ATTEMPTS_LIMIT,
    processingDeadlineMilliseconds: read.PROCESSING_DEADLINE_SECONDS * 1000,
    keyRetentionMilliseconds: read.KEY_RETENTION_SECONDS * 1000,
    pollStartMilliseconds: read.POLL_START_SECONDS * 1000,
    pollMaximumMilliseconds: read.POLL_MAXIMUM_SECONDS * 1000,
    canary: read.CANARY,
    failureShareLimit: read.FAILURE_SHARE_LIMIT,
    requestsPerSubmission: read.REQUESTS_PER_SUBMISSION,
  };
}

/** Metrics of sending as CloudWatch's embedded metric format, which costs a log line and no request. */
export function powertoolsMetrics(metrics: Metrics): SendingMetrics {
  return {
    count: (name, value) => metrics.addMetric(name, MetricUnit.Count, value),
    milliseconds: (name, value) => metrics.addMetric(name, MetricUnit.Milliseconds, value),
  };
}
