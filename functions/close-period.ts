import middy from '@middy/core';
import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName } from '../lib/config/environment.ts';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { CertificateStore } from '../lib/store/certificate-store.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { ObservationStore } from '../lib/store/observation-store.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(
  z.object({ RUNS_TABLE: requiredText(), BILLING_TIME_ZONE: timeZoneName(), CONFIGURATION_HASH: requiredText() }),
  process.env,
);

const documents = createDocumentClient();
const resources = {
  runs: new RunStore(documents, environment.RUNS_TABLE),
  certificates: new CertificateStore(documents, environment.RUNS_TABLE),
  observations: new ObservationStore(documents, environment.RUNS_TABLE),
  timeZone: environment.BILLING_TIME_ZONE,
  configurationHash: environment.CONFIGURATION_HASH,
  now: Date.now,
};

export const handler = middy((event: ClosePeriodEvent) => closePeriod(event, resources));
