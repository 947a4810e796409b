import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import { serviceName } from '../lib/config/service-name.ts';
import { eventBusNotifications } from '../lib/runs/event-bus.ts';
import { assess } from '../lib/sending/assess.ts';
import { NO_METRICS, sendingFrom } from '../lib/sending/environment.ts';

const deciding = {
  ...sendingFrom(process.env, NO_METRICS),
  notifications: eventBusNotifications(new EventBridgeClient(), serviceName(process.env)),
};

/** Decides what a run does next. */
export const handler = middy((input: unknown) => assess(input, deciding));
