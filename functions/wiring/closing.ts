import { setTimeout as delay } from 'node:timers/promises';
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { type ClosePeriodDependencies, type RunSummary, sendingForecasts } from '../../lib/runs/close-period.ts';
import type { Notifications } from '../../lib/runs/notifications.ts';
import { evidenceOfPeriod } from '../../lib/runs/period-evidence.ts';
import { ArchiveManifest } from '../../lib/store/archive-manifest.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { readControlTotal, readControlTotals } from '../../lib/store/control-total-store.ts';
import { InterventionStore } from '../../lib/store/intervention-store.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { ObservationStore } from '../../lib/store/period-closing-store.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { TablesWith } from '../../lib/store/tables.ts';
import { certificateSigner } from './certificate-key.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What close-period works with.
 * @throws InvalidEnvironment naming every fault
 */
export function closingDependencies(environment: Environment): ClosePeriodDependencies {
  const variables = readVariables(
    environment,
    'USAGE_SLICES_TABLE',
    'PACKAGES_TABLE',
    'RUNS_TABLE',
    'BILLING_TIME_ZONE',
    'CONFIGURATION_HASH',
    'CERTIFICATE_KEY',
    'ARCHIVE_BUCKET',
    'SEND_QUOTA',
    'STATUS_QUOTA',
    'SHARED_QUOTA',
    'INVOICE_API_CONCURRENCY',
  );
  const tables = tablesOf(variables);
  return {
    runs: new RunStore(tables),
    certificates: new CertificateStore(tables),
    observations: new ObservationStore(tables),
    late: new LateLedger(tables),
    interventions: new InterventionStore(tables),
    controlTotal: (periodId) => readControlTotal(tables, periodId),
    evidence: variables.ARCHIVE_BUCKET === 'none' ? undefined : evidenceFrom(tables),
    timeZone: variables.BILLING_TIME_ZONE,
    configurationHash: variables.CONFIGURATION_HASH,
    signer: certificateSigner(variables.CERTIFICATE_KEY),
    pause: delay,
    forecastSending: sendingForecasts(
      new QuotaCalendarStore(tables, 'invoice-api'),
      { send: variables.SEND_QUOTA, status: variables.STATUS_QUOTA, shared: variables.SHARED_QUOTA },
      variables.INVOICE_API_CONCURRENCY,
    ),
    now: Date.now,
  };
}

function evidenceFrom(tables: TablesWith<'runs'>): NonNullable<ClosePeriodDependencies['evidence']> {
  const manifest = new ArchiveManifest(tables);
  const controlTotals = (periodId: PeriodId) => readControlTotals(tables, periodId);
  return (periodId, meters) => evidenceOfPeriod(periodId, meters, { manifest, controlTotals });
}

/**
 * Records how many packages of a closed run stay unbilled, and what has no evidence; alarms rest on the names.
 * @returns the summary, unchanged
 */
export function rejectionMetrics(metrics: Metrics, summary: RunSummary): RunSummary {
  if (summary.mode === 'close')
    metrics.addMetric('PackagesRejected', MetricUnit.Count, summary.rejected?.packages ?? 0);
  const { eventsWithoutEvidence } = summary;
  if (eventsWithoutEvidence) metrics.addMetric('EventsWithoutEvidence', MetricUnit.Count, eventsWithoutEvidence);
  return summary;
}

/**
 * Tells the world that a run over everybody has closed its period. At least once: a task that is tried again tells
 * again, with the same run.
 * @returns the summary, unchanged
 */
export async function announceClosedPeriod(
  { summary, isWhole }: { summary: RunSummary; isWhole: boolean },
  notifications: Notifications,
): Promise<RunSummary> {
  const { periodId, runId, mode, finishedAt, clients, certificateHash, rejected } = summary;
  if (mode === 'close' && isWhole) {
    const named = { periodId, runId, finishedAt, clients };
    const detail = { ...named, ...(certificateHash ? { certificateHash } : {}), ...(rejected ? { rejected } : {}) };
    await notifications.notify({ type: 'Period Closed', detail });
  }
  return summary;
}
