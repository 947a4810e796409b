import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { announceClosedPeriod, closingEnvironment, closingResources } from './wiring/closing.ts';
import { serviceName } from './wiring/environment.ts';
import { eventBusNotifications } from './wiring/event-bus.ts';

const resources = closingResources(closingEnvironment(process.env));
const notifications = eventBusNotifications(new EventBridgeClient(), serviceName(process.env));

export const handler = middy(async (event: ClosePeriodEvent) => {
  const summary = await closePeriod(event, resources);
  return announceClosedPeriod({ summary, isWhole: !event.run.clients }, notifications);
});
