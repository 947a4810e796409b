import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName, wholeNumber } from '../lib/config/environment.ts';
import { serviceName } from '../lib/config/service-name.ts';
import { announceClosedPeriod } from '../lib/runs/announce-closed-period.ts';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { eventBusNotifications } from '../lib/runs/event-bus.ts';
import { sendingForecasts } from '../lib/runs/forecast-sending.ts';
import { CertificateStore } from '../lib/store/certificate-store.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { createDynamoDbClient } from '../lib/store/dynamodb-client.ts';
import { ObservationStore } from '../lib/store/observation-store.ts';
import { QuotaCalendarStore } from '../lib/store/quota-calendar-store.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(
  z.object({
    RUNS_TABLE: requiredText(),
    BILLING_TIME_ZONE: timeZoneName(),
    CONFIGURATION_HASH: requiredText(),
    SEND_QUOTA: requiredText(),
    STATUS_QUOTA: requiredText(),
    SHARED_QUOTA: requiredText(),
    INVOICE_API_CONCURRENCY: wholeNumber(1),
  }),
  process.env,
);

const documents = createDocumentClient();
const resources = {
  runs: new RunStore(documents, environment.RUNS_TABLE),
  certificates: new CertificateStore(documents, environment.RUNS_TABLE),
  observations: new ObservationStore(createDynamoDbClient(), environment.RUNS_TABLE),
  timeZone: environment.BILLING_TIME_ZONE,
  configurationHash: environment.CONFIGURATION_HASH,
  forecastSending: sendingForecasts(
    new QuotaCalendarStore(documents, environment.RUNS_TABLE, 'invoice-api'),
    { send: environment.SEND_QUOTA, status: environment.STATUS_QUOTA, shared: environment.SHARED_QUOTA },
    environment.INVOICE_API_CONCURRENCY,
  ),
  now: Date.now,
};

const notifications = eventBusNotifications(new EventBridgeClient(), serviceName(process.env));

export const handler = middy(async (event: ClosePeriodEvent) => {
  const summary = await closePeriod(event, resources);
  return announceClosedPeriod({ summary, isWhole: !event.run.clients }, notifications);
});
