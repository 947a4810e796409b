import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { bookQuota } from '../lib/sending/version-1.ts';
import { foundationOf } from './wiring/foundation.ts';
import { powertoolsMetrics, sendingFrom } from './wiring/sending.ts';

const metrics = new Metrics();
const sending = sendingFrom(process.env, powertoolsMetrics(metrics));

/** Answers executions of the versions before, which booked their first turn apart. */
export const handler = middy()
  .use(foundationOf(process.env))
  .use(logMetrics(metrics))
  .handler((input: unknown) => bookQuota(input, sending));
