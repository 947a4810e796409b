import { SFNClient } from '@aws-sdk/client-sfn';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { readEnvironment, requiredText, timeZoneName } from '../lib/config/environment.ts';
import { BillingCalendar } from '../lib/periods/days.ts';
import { executionsOf } from '../lib/runs/executions.ts';
import { type OpenPeriodEvent, openPeriod } from '../lib/runs/open-period.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(
  z.object({ BILLING_TIME_ZONE: timeZoneName(), RUNS_TABLE: requiredText() }),
  process.env,
);

const resources = {
  // Slices play no part in opening a period.
  calendar: new BillingCalendar(environment.BILLING_TIME_ZONE, 60),
  runs: new RunStore(createDocumentClient(), environment.RUNS_TABLE),
  executions: executionsOf(new SFNClient()),
  now: Date.now,
};

export const handler = middy((event: OpenPeriodEvent) => openPeriod(event, resources));
