import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { watchPeriods } from '../lib/runs/watch-periods.ts';
import { serviceName } from './wiring/environment.ts';
import { eventBusNotifications } from './wiring/event-bus.ts';
import { healthMetrics, watchingEnvironment, watchingResources } from './wiring/watching.ts';

const notifications = eventBusNotifications(new EventBridgeClient(), serviceName(process.env));
const resources = { ...watchingResources(watchingEnvironment(process.env)), notifications };
const metrics = new Metrics();

/** Every hour: turns what ended periods leave to be done into metrics, on which the alarms rest. */
export const handler = middy()
  .use(logMetrics(metrics))
  .handler(async (_event: unknown, context: Context) =>
    healthMetrics(
      metrics,
      await watchPeriods({ ...resources, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
    ),
  );
