import middy from '@middy/core';
import { type OpenPeriodEvent, openPeriod } from '../lib/runs/open-period.ts';
import { foundationOf } from './wiring/foundation.ts';
import { openingResources } from './wiring/opening.ts';

const resources = openingResources(process.env);

export const handler = middy((event: OpenPeriodEvent) => openPeriod(event, resources)).use(foundationOf(process.env));
