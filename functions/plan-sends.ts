import middy from '@middy/core';
import { planSends } from '../lib/sending/plan-sends.ts';
import { NO_METRICS } from '../lib/sending/sending.ts';
import { notificationsOf } from './wiring/event-bus.ts';
import { foundationOf } from './wiring/foundation.ts';
import { sendingFrom } from './wiring/sending.ts';

const deciding = {
  ...sendingFrom(process.env, NO_METRICS),
  notifications: notificationsOf(process.env),
};

/** Splits what is ready into chunks to send and forecasts the end. */
export const handler = middy()
  .use(foundationOf(process.env))
  .handler((input: unknown) => planSends(input, deciding));
