import { SFNClient } from '@aws-sdk/client-sfn';
import middy from '@middy/core';
import { BillingCalendar } from '../lib/periods/days.ts';
import { type OpenPeriodEvent, openPeriod } from '../lib/runs/open-period.ts';
import { executionsOf } from '../lib/runs/period-lock.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { RunStore } from '../lib/store/run-store.ts';
import { openingEnvironment } from './wiring/opening.ts';

const { BILLING_TIME_ZONE, RUNS_TABLE } = openingEnvironment(process.env);
const resources = {
  // Slices play no part in opening a period.
  calendar: new BillingCalendar(BILLING_TIME_ZONE, 60),
  runs: new RunStore(createDocumentClient(), RUNS_TABLE),
  executions: executionsOf(new SFNClient()),
  now: Date.now,
};

export const handler = middy((event: OpenPeriodEvent) => openPeriod(event, resources));
