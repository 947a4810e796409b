import type { ClosingEnvironment } from '../config/closing-environment.ts';
import { CertificateStore } from '../store/certificate-store.ts';
import { createDocumentClient } from '../store/document-client.ts';
import { createDynamoDbClient } from '../store/dynamodb-client.ts';
import { ObservationStore } from '../store/observation-store.ts';
import { QuotaCalendarStore } from '../store/quota-calendar-store.ts';
import { RunStore } from '../store/run-store.ts';
import type { ClosePeriodResources } from './close-period.ts';
import { sendingForecasts } from './forecast-sending.ts';

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
