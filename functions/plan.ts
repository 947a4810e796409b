import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { planningEnvironment } from '../lib/config/planning-environment.ts';
import { type PlanEvent, plan } from '../lib/runs/plan.ts';
import { planningResources } from '../lib/runs/planning-resources.ts';

const resources = planningResources(planningEnvironment(process.env));

export const handler = middy((event: PlanEvent, context: Context) =>
  plan(event, { ...resources, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
);
