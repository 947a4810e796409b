import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { watchPeriods } from '../lib/runs/watch-periods.ts';
import { notificationsOf } from './wiring/event-bus.ts';
import { foundationOf } from './wiring/foundation.ts';
import { healthMetrics, watchingDependencies } from './wiring/watching.ts';

const notifications = notificationsOf(process.env);
const dependencies = { ...watchingDependencies(process.env), notifications };
const metrics = new Metrics();

/** Every hour: turns what ended periods leave to be done into metrics, on which the alarms rest. */
export const handler = middy()
  .use(foundationOf(process.env))
  .use(logMetrics(metrics))
  .handler(async (_event: unknown, context: Context) =>
    healthMetrics(
      metrics,
      await watchPeriods({ ...dependencies, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
    ),
  );
