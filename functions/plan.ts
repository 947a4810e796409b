import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { type PlanEvent, plan } from '../lib/runs/plan.ts';
import { foundationOf } from './wiring/foundation.ts';
import { planningResources } from './wiring/planning.ts';

const resources = planningResources(process.env);

export const handler = middy((event: PlanEvent, context: Context) =>
  plan(event, { ...resources, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
).use(foundationOf(process.env));
