import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import { assess } from '../lib/sending/assess.ts';
import { NO_METRICS } from '../lib/sending/sending.ts';
import { serviceName } from './wiring/environment.ts';
import { eventBusNotifications } from './wiring/event-bus.ts';
import { sendingFrom } from './wiring/sending.ts';

const deciding = {
  ...sendingFrom(process.env, NO_METRICS),
  notifications: eventBusNotifications(new EventBridgeClient(), serviceName(process.env)),
};

/** Decides what a run does next. */
export const handler = middy((input: unknown) => assess(input, deciding));
