import middy from '@middy/core';
import { assess } from '../lib/sending/assess.ts';
import { NO_METRICS } from '../lib/sending/sending.ts';
import { notificationsOf } from './wiring/event-bus.ts';
import { foundationOf } from './wiring/foundation.ts';
import { sendingFrom } from './wiring/sending.ts';

const deciding = {
  ...sendingFrom(process.env, NO_METRICS),
  notifications: notificationsOf(process.env),
};

/** Decides what a run does next. */
export const handler = middy()
  .use(foundationOf(process.env))
  .handler((input: unknown) => assess(input, deciding));
