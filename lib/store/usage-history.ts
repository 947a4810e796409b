import type { PeriodId } from '../periods/periods.ts';
import type { MeterTotals } from '../usage/records.ts';
import { usageSoFarOf } from '../usage/usage-so-far.ts';
import { type ClientRecords, type ClientTables, readClientsInTime } from './client-reader.ts';
import { bucketOf } from './keys.ts';

/** A client's usage in a period and in those before it. */
export interface UsageHistory {
  clientId: string;
  /** Undefined where the client used nothing. */
  now: MeterTotals | undefined;
  /** In the order of the periods that were asked for. */
  before: (MeterTotals | undefined)[];
}

/**
 * Reads the usage of all clients of a bucket in several periods side by side, one client after the other; memory holds
 * a few pages of each period. Slices are read of `now` alone: earlier periods are taken from their daily records.
 * @param before periods that a run has closed
 */
export async function* readUsageHistory(
  tables: ClientTables,
  bucket: number,
  { now, before }: { now: PeriodId; before: readonly PeriodId[] },
): AsyncGenerator<UsageHistory> {
  const streams = [now, ...before].map((periodId) => new ClientStream(tables, periodId, bucket, periodId !== now));
  await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    const clientId = firstOf(streams);
    if (clientId === undefined) return;
    const [current, ...earlier] = await Promise.all(streams.map((stream) => stream.take(clientId)));
    yield { clientId, now: current, before: earlier };
  }
}

/**
 * One client's usage in several periods, from their daily records.
 * @returns in the order of the periods; undefined where the client used nothing
 */
export function readUsageOfClient(
  tables: ClientTables,
  clientId: string,
  periods: readonly PeriodId[],
): Promise<(MeterTotals | undefined)[]> {
  const range = { bucket: bucketOf(clientId), only: clientId };
  return Promise.all(
    periods.map(async (periodId) => {
      for await (const read of readClientsInTime(tables, periodId, range, { withoutSlices: true })) {
        if (!('records' in read)) continue;
        if (read.records.failure) throw read.records.failure.error;
        return totalsOfClient(read.records, periodId);
      }
      return undefined;
    }),
  );
}

/** What a client has used in a period, as its records say; undefined where that is nothing. */
export function totalsOfClient({ clientId, days, folded }: ClientRecords, periodId: PeriodId): MeterTotals | undefined {
  const kept = new Map(days.map(({ day, ...rest }) => [day, rest]));
  const { totals, events } = usageSoFarOf(clientId, periodId, kept, folded);
  return events > 0 ? totals : undefined;
}

/** The clients of one period, in the order of their ids. */
class ClientStream {
  clientId: string | undefined;
  readonly #periodId: PeriodId;
  readonly #clients: AsyncGenerator<{ records: ClientRecords } | { begun: unknown }>;
  #records: ClientRecords | undefined;

  constructor(tables: ClientTables, periodId: PeriodId, bucket: number, withoutSlices: boolean) {
    this.#periodId = periodId;
    this.#clients = readClientsInTime(tables, periodId, { bucket }, { withoutSlices });
  }

  async next(): Promise<void> {
    const { value } = await this.#clients.next();
    this.#records = value && 'records' in value ? value.records : undefined;
    if (this.#records?.failure) throw this.#records.failure.error;
    this.clientId = this.#records?.clientId;
  }

  /** What a client used, if the stream has come to it; undefined too where that is nothing. */
  async take(clientId: string): Promise<MeterTotals | undefined> {
    if (!this.#records || this.clientId !== clientId) return undefined;
    const totals = totalsOfClient(this.#records, this.#periodId);
    await this.next();
    return totals;
  }
}

function firstOf(streams: readonly ClientStream[]): string | undefined {
  const [first] = streams.flatMap(({ clientId }) => clientId ?? []).sort();
  return first;
}
