import middy from '@middy/core';
import * as z from 'zod/mini';
import { readEnvironment, requiredText } from '../lib/config/environment.ts';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { createDocumentClient } from '../lib/store/document-client.ts';
import { RunStore } from '../lib/store/run-store.ts';

const environment = readEnvironment(z.object({ RUNS_TABLE: requiredText() }), process.env);

const resources = { runs: new RunStore(createDocumentClient(), environment.RUNS_TABLE), now: Date.now };

export const handler = middy((event: ClosePeriodEvent) => closePeriod(event, resources));
