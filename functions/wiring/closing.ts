import * as z from 'zod/mini';
import { type ClosePeriodResources, type RunSummary, sendingForecasts } from '../../lib/runs/close-period.ts';
import type { Notifications } from '../../lib/runs/notifications.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { createDocumentClient } from '../../lib/store/document-client.ts';
import { createDynamoDbClient } from '../../lib/store/dynamodb-client.ts';
import { ObservationStore } from '../../lib/store/period-closing-store.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from './environment.ts';

const schema = z.object({
  RUNS_TABLE: requiredText(),
  BILLING_TIME_ZONE: timeZoneName(),
  CONFIGURATION_HASH: requiredText(),
  SEND_QUOTA: requiredText(),
  STATUS_QUOTA: requiredText(),
  SHARED_QUOTA: requiredText(),
  INVOICE_API_CONCURRENCY: wholeNumber(1),
});

/** What close-period needs of its environment. */
export type ClosingEnvironment = z.output<typeof schema>;

/** @throws InvalidEnvironment naming every fault */
export function closingEnvironment(environment: Record<string, string | undefined>): ClosingEnvironment {
  return readEnvironment(schema, environment);
}

/** Wires closing to its table. */
export function closingResources(environment: ClosingEnvironment): ClosePeriodResources {
  const { RUNS_TABLE, SEND_QUOTA: send, STATUS_QUOTA: status, SHARED_QUOTA: shared } = environment;
  const client = createDynamoDbClient();
  const documents = createDocumentClient(client);
  return {
    runs: new RunStore(documents, RUNS_TABLE),
    certificates: new CertificateStore(documents, RUNS_TABLE),
    observations: new ObservationStore(client, RUNS_TABLE),
    timeZone: environment.BILLING_TIME_ZONE,
    configurationHash: environment.CONFIGURATION_HASH,
    forecastSending: sendingForecasts(
      new QuotaCalendarStore(documents, RUNS_TABLE, 'invoice-api'),
      { send, status, shared },
      environment.INVOICE_API_CONCURRENCY,
    ),
    now: Date.now,
  };
}

/**
 * Tells the world that a run over everybody has closed its period. At least once: a task that is tried again tells again,
 * with the same run.
 * @returns the summary, unchanged
 */
export async function announceClosedPeriod(
  { summary, isWhole }: { summary: RunSummary; isWhole: boolean },
  notifications: Notifications,
): Promise<RunSummary> {
  const { periodId, runId, mode, finishedAt, clients, certificateHash } = summary;
  if (mode === 'close' && isWhole) {
    const detail = { periodId, runId, finishedAt, clients, ...(certificateHash ? { certificateHash } : {}) };
    await notifications.notify({ type: 'Period Closed', detail });
  }
  return summary;
}
