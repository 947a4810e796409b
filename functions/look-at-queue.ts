import middy from '@middy/core';
import { type LookAtQueueEvent, lookAtQueue } from '../lib/runs/look-at-queue.ts';
import { foundationOf } from './wiring/foundation.ts';
import { queueResources } from './wiring/queue.ts';

const resources = queueResources(process.env);

export const handler = middy((event: LookAtQueueEvent) => lookAtQueue(event, resources)).use(foundationOf(process.env));
