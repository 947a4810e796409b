import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { invoiceApiFrom } from '#invoice-api';
import { takeTurn } from '../lib/sending/take-turn.ts';
import { foundationOf } from './wiring/foundation.ts';
import { powertoolsMetrics, sendingFrom } from './wiring/sending.ts';

const metrics = new Metrics();
const { api, token } = invoiceApiFrom(process.env);
const sending = { ...sendingFrom(process.env, powertoolsMetrics(metrics)), api };

/** Reads and sends what is due. */
export const handler = middy()
  .use(foundationOf(process.env))
  .use(logMetrics(metrics))
  .use(token.middleware)
  .handler((input: unknown, context: Context) =>
    takeTurn(input, { ...sending, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
  );
