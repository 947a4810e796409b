import type middy from '@middy/core';
import { holdToFoundation } from '../../lib/store/foundation-store.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * Lets a task of a run begin only if its settings are those that usage was counted by: with another time zone or slice
 * length it would read other days than were counted. One read a cold start.
 * @returns a middleware that throws FoundationChanged
 * @throws InvalidEnvironment naming every fault
 */
export function foundationOf(environment: Environment): middy.MiddlewareObj {
  const variables = readVariables(environment, 'RUNS_TABLE', 'BILLING_TIME_ZONE', 'SLICE_MINUTES');
  const tables = tablesOf(variables);
  const foundation = { billingTimeZone: variables.BILLING_TIME_ZONE, sliceMinutes: variables.SLICE_MINUTES };
  let isHeld = false;
  return {
    before: async () => {
      if (isHeld) return;
      isHeld = await holdToFoundation(tables, foundation);
    },
  };
}
