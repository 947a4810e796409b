import middy from '@middy/core';
import { type ClosePeriodEvent, closePeriod } from '../lib/runs/close-period.ts';
import { announceClosedPeriod, closingResources } from './wiring/closing.ts';
import { notificationsOf } from './wiring/event-bus.ts';

const resources = closingResources(process.env);
const notifications = notificationsOf(process.env);

export const handler = middy(async (event: ClosePeriodEvent) => {
  const summary = await closePeriod(event, resources);
  return announceClosedPeriod({ summary, isWhole: !event.run.clients }, notifications);
});
