import type { PackageHead } from '../../lib/packages/package.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { type ClientTables, readClients } from '../../lib/store/client-reader.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { type UsageSoFar, usageSoFarOf } from '../../lib/usage/usage-so-far.ts';

/** One client in one period: what it has used so far, and its packages. */
export interface PeriodClient {
  usage: UsageSoFar;
  heads: PackageHead[];
}

/** Reads all clients of a period, one after the other, today and the last minute included. */
export async function* clientsOfPeriod(tables: ClientTables, periodId: PeriodId): AsyncGenerator<PeriodClient> {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for await (const { clientId, days, folded, heads } of readClients(tables, periodId, { bucket })) {
      const recorded = new Map(days.map(({ day, ...record }) => [day, record]));
      yield { usage: usageSoFarOf(clientId, periodId, recorded, folded), heads };
    }
  }
}
