import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import { bookQuota } from '../lib/sending/send-chunk.ts';
import { foundationOf } from './wiring/foundation.ts';
import { powertoolsMetrics, sendingFrom } from './wiring/sending.ts';

const metrics = new Metrics();
const sending = sendingFrom(process.env, powertoolsMetrics(metrics));

/** Books the first turn of a chunk in the quota calendar. */
export const handler = middy()
  .use(foundationOf(process.env))
  .use(logMetrics(metrics))
  .handler((input: unknown) => bookQuota(input, sending));
