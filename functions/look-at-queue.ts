import middy from '@middy/core';
import { type LookAtQueueEvent, lookAtQueue } from '../lib/runs/look-at-queue.ts';
import { foundationOf } from './wiring/foundation.ts';
import { queueDependencies } from './wiring/queue.ts';

const dependencies = queueDependencies(process.env);

export const handler = middy((event: LookAtQueueEvent) => lookAtQueue(event, dependencies)).use(
  foundationOf(process.env),
);
