import pLimit from 'p-limit';
import type { Period, PeriodId } from '../../lib/periods/periods.ts';
import { closedPeriodsBefore } from '../../lib/runs/closed-periods.ts';
import type { ClientTables } from '../../lib/store/client-reader.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { TablesWith } from '../../lib/store/tables.ts';
import { readUsageHistory } from '../../lib/store/usage-history.ts';
import { type Variance, variancesOf } from '../../lib/variance/variance.ts';

const BUCKETS_AT_ONCE = 4;

/** A client whose usage is unlike before. */
export interface ClientVariance extends Variance {
  clientId: string;
}

/** What a period was compared with, and what is unlike before. */
export interface PeriodVariance {
  /** The closed periods that it was compared with, the latest first. */
  before: PeriodId[];
  clients: number;
  /** In the order of clients and meters. */
  variances: ClientVariance[];
}

/**
 * Compares each client's usage in a period with its own in the last closed periods before it.
 * @param most compares with so many periods at most
 * @param onRead hears how many clients have been read
 */
export async function varianceOfPeriod(
  tables: ClientTables & TablesWith<'runs'>,
  period: Period,
  most: number,
  onRead: (clients: number) => void = () => {},
): Promise<PeriodVariance> {
  const before = await closedPeriodsBefore(new RunStore(tables), period.id, most);
  const variances: ClientVariance[] = [];
  let clients = 0;
  await pLimit(BUCKETS_AT_ONCE).map(Array.from({ length: BUCKETS }), async (_, bucket) => {
    for await (const history of readUsageHistory(tables, bucket, { now: period.id, before })) {
      clients += 1;
      onRead(clients);
      const { clientId } = history;
      // Without a period before there is nothing to be unlike.
      const found = before.length === 0 ? [] : variancesOf(history.now, history.before);
      variances.push(...found.map((variance) => ({ clientId, ...variance })));
    }
  });
  variances.sort((one, other) => (one.clientId < other.clientId ? -1 : one.clientId > other.clientId ? 1 : 0));
  return { before, clients, variances };
}
