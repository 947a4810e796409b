import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { type PlanEvent, plan } from '../lib/runs/plan.ts';
import { foundationOf } from './wiring/foundation.ts';
import { planningDependencies } from './wiring/planning.ts';

const dependencies = planningDependencies(process.env);

export const handler = middy((event: PlanEvent, context: Context) =>
  plan(event, { ...dependencies, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
).use(foundationOf(process.env));
