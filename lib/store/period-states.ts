import { unmarshall } from '@aws-sdk/util-dynamodb';
import { assertKnownVersion } from '../errors/halfmonth-error.ts';
import type { PeriodId } from '../periods/periods.ts';
import { periodKey } from './keys.ts';
import { batchGet } from './pages.ts';
import type { PeriodState } from './run-store.ts';
import type { TablesWith } from './tables.ts';

/**
 * Whether and when periods were closed, a hundred in a request; those that are open are left out.
 * @throws ReadThrottled, UnknownVersion
 */
export async function loadPeriodStates(
  { client, runs }: TablesWith<'runs'>,
  periodIds: readonly PeriodId[],
): Promise<Map<PeriodId, PeriodState>> {
  const keys = new Map(periodIds.map((id) => [periodKey(id, 'state').pk, id]));
  const wanted = periodIds.map((id) => periodKey(id, 'state'));
  const states = new Map<PeriodId, PeriodState>();
  for (const raw of await batchGet(client, runs, wanted, { isConsistent: true })) {
    const item = unmarshall(raw);
    assertKnownVersion(`The item ${item.pk} ${item.sk} of the runs table`, item.schemaVersion);
    // Written by RunStore alone.
    states.set(keys.get(String(item.pk)) ?? '', item as PeriodState);
  }
  return states;
}
