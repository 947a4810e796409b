import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import { closingEnvironment } from '../lib/config/closing-environment.ts';
import { serviceName } from '../lib/config/service-name.ts';
import { announceClosedPeriod } from '../lib/runs/announce-closed-period.ts';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { closingResources } from '../lib/runs/closing-resources.ts';
import { eventBusNotifications } from '../lib/runs/event-bus.ts';

const resources = closingResources(closingEnvironment(process.env));
const notifications = eventBusNotifications(new EventBridgeClient(), serviceName(process.env));

export const handler = middy(async (event: ClosePeriodEvent) => {
  const summary = await closePeriod(event, resources);
  return announceClosedPeriod({ summary, isWhole: !event.run.clients }, notifications);
});
