import { hexOfIdentity, identityOfBytes } from '../events/identity.ts';
import type { Day } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';
import { AFTER_EVERYTHING, clientPartition, clientPrefix, dayOfKey } from './keys.ts';
import { queryPages, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/**
 * The identities of a client's events that usage slices hold, in hex, by day. Slices expire, so a day may have fewer
 * than were counted.
 */
export async function readIdentities(
  { client, usageSlices }: TablesWith<'usageSlices'>,
  clientId: string,
  periodId: PeriodId,
): Promise<Map<Day, Set<string>>> {
  const byDay = new Map<Day, Set<string>>();
  const query = {
    TableName: usageSlices,
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':pk': { S: clientPartition(periodId, clientId) },
      ':from': { S: clientPrefix(clientId) },
      ':to': { S: clientPrefix(clientId) + AFTER_EVERYTHING },
    },
    ProjectionExpression: 'sk, identities',
  };
  for await (const items of queryPages(client, query)) {
    for (const item of items) {
      const day = dayOfKey(textOf(item, 'sk'));
      const held = byDay.get(day) ?? new Set();
      byDay.set(day, held);
      for (const bytes of item.identities?.BS ?? []) held.add(hexOfIdentity(identityOfBytes(bytes)));
    }
  }
  return byDay;
}
