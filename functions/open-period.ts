import middy from '@middy/core';
import { type OpenPeriodEvent, openPeriod } from '../lib/runs/open-period.ts';
import { foundationOf } from './wiring/foundation.ts';
import { openingDependencies } from './wiring/opening.ts';

const dependencies = openingDependencies(process.env);

export const handler = middy((event: OpenPeriodEvent) => openPeriod(event, dependencies)).use(
  foundationOf(process.env),
);
