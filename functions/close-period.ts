import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { announceClosedPeriod, closingDependencies, rejectionMetrics } from './wiring/closing.ts';
import { notificationsOf } from './wiring/event-bus.ts';
import { foundationOf } from './wiring/foundation.ts';

const dependencies = closingDependencies(process.env);
const notifications = notificationsOf(process.env);
const metrics = new Metrics();

export const handler = middy<ClosePeriodEvent>()
  .use(foundationOf(process.env))
  .use(logMetrics(metrics))
  .handler(async (event) => {
    const summary = rejectionMetrics(metrics, await closePeriod(event, dependencies));
    return announceClosedPeriod({ summary, isWhole: !event.run.clients }, notifications);
  });
