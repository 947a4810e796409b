import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import { serviceName } from '../lib/config/service-name.ts';
import { eventBusNotifications } from '../lib/runs/event-bus.ts';
import { NO_METRICS, sendingFrom } from '../lib/sending/environment.ts';
import { planSends } from '../lib/sending/plan-sends.ts';

const deciding = {
  ...sendingFrom(process.env, NO_METRICS),
  notifications: eventBusNotifications(new EventBridgeClient(), serviceName(process.env)),
};

/** Splits what is ready into chunks to send and forecasts the end. */
export const handler = middy((input: unknown) => planSends(input, deciding));
