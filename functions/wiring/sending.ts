import { randomUUID } from 'node:crypto';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import * as z from 'zod/mini';
import { SYSTEM_CLOCK } from '../../lib/quota/pacer.ts';
import { parseQuotaWindows } from '../../lib/quota/quota.ts';
import type { Deciding, Sending, SendingMetrics, SendingSettings } from '../../lib/sending/sending.ts';
import { createDocumentClient } from '../../lib/store/document-client.ts';
import { OutstandingPackages } from '../../lib/store/outstanding-packages.ts';
import { countPackages } from '../../lib/store/package-reader.ts';
import { PackageStore, PackageTransitions } from '../../lib/store/package-store.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { readEnvironment, requiredText, wholeNumber } from './environment.ts';

const quotaWindows = () =>
  requiredText().check(
    z.refine((text) => {
      try {
        return parseQuotaWindows(text).length >= 0;
      } catch {
        return false;
      }
    }, 'must be windows as "requests/seconds", such as "60/60,5000/86400", or "none"'),
  );

const share = () =>
  z.pipe(
    requiredText().check(z.regex(/^(0|1|0?\.\d+|1\.0+|0\.\d+)$/, 'must be a share from 0 to 1, such as 0.2')),
    z.transform(Number),
  );

/** What every task of sending reads from its environment. */
const sendingEnvironment = z.object({
  PACKAGES_TABLE: requiredText(),
  RUNS_TABLE: requiredText(),
  SEND_QUOTA: quotaWindows(),
  STATUS_QUOTA: quotaWindows(),
  SHARED_QUOTA: quotaWindows(),
  INVOICE_API_CONCURRENCY: wholeNumber(1, 200),
  REQUEST_TIMEOUT_SECONDS: wholeNumber(1, 300),
  ATTEMPTS_LIMIT: wholeNumber(1, 50),
  PROCESSING_DEADLINE_SECONDS: wholeNumber(1),
  POLL_START_SECONDS: wholeNumber(1),
  POLL_MAXIMUM_SECONDS: wholeNumber(1),
  PACKAGES_PER_CHUNK: wholeNumber(1),
  CANARY: wholeNumber(0),
  FAILURE_SHARE_LIMIT: share(),
});

/** This machine's clock, as the quota calendar names it: another execution environment is another name. */
const CLOCK_ID = randomUUID().slice(0, 8);

/**
 * What tasks of sending work with, from the environment of their function.
 * @throws InvalidEnvironment naming every fault
 */
export function sendingFrom(
  environment: Record<string, string | undefined>,
  metrics: SendingMetrics,
): Sending & Pick<Deciding, 'countPackages'> {
  const read = readEnvironment(sendingEnvironment, environment);
  const documents = createDocumentClient();
  return {
    settings: settingsOf(read),
    clock: SYSTEM_CLOCK,
    clockId: CLOCK_ID,
    // Two stages with the same API are two stacks with tables of their own; one stage speaks to one API.
    calendar: new QuotaCalendarStore(documents, read.RUNS_TABLE, 'invoice-api'),
    outstanding: new OutstandingPackages(documents, read.PACKAGES_TABLE),
    packages: new PackageStore(documents, read.PACKAGES_TABLE),
    transitions: new PackageTransitions(documents, read.PACKAGES_TABLE),
    runs: new RunStore(documents, read.RUNS_TABLE),
    metrics,
    countPackages: (selection) => countPackages(documents, read.PACKAGES_TABLE, selection),
  };
}

function settingsOf(read: z.output<typeof sendingEnvironment>): SendingSettings {
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
    pollStartMilliseconds: read.POLL_START_SECONDS * 1000,
    pollMaximumMilliseconds: read.POLL_MAXIMUM_SECONDS * 1000,
    packagesPerChunk: read.PACKAGES_PER_CHUNK,
    canary: read.CANARY,
    failureShareLimit: read.FAILURE_SHARE_LIMIT,
  };
}

/** Metrics of sending as CloudWatch's embedded metric format, which costs a log line and no request. */
export function powertoolsMetrics(metrics: Metrics): SendingMetrics {
  return {
    count: (name, value) => metrics.addMetric(name, MetricUnit.Count, value),
    milliseconds: (name, value) => metrics.addMetric(name, MetricUnit.Milliseconds, value),
  };
}
