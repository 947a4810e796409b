import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import { planSends } from '../lib/sending/plan-sends.ts';
import { NO_METRICS } from '../lib/sending/sending.ts';
import { serviceName } from './wiring/environment.ts';
import { eventBusNotifications } from './wiring/event-bus.ts';
import { sendingFrom } from './wiring/sending.ts';

const deciding = {
  ...sendingFrom(process.env, NO_METRICS),
  notifications: eventBusNotifications(new EventBridgeClient(), serviceName(process.env)),
};

/** Splits what is ready into chunks to send and forecasts the end. */
export const handler = middy((input: unknown) => planSends(input, deciding));
