import type { ClientRange } from '../../lib/chunks/bounds.ts';
import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { type Period, previousPeriod } from '../../lib/periods/periods.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { readClients } from '../../lib/store/client-reader.ts';
import { BUCKETS, bucketOf } from '../../lib/store/keys.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import type { Cloud } from '../connection/cloud.ts';
import { plural, totalsWords } from '../terminal/words.ts';

/** What a run of a period would look at, before anybody says yes to it. */
export interface RunAhead {
  clients: number;
  /** Those of them that have a package already: what changed for them goes as a correction. */
  clientsWithPackages: number;
  events: number;
  totals: MeterTotals;
  /** Not all of it could be read in the time of a question: there is more. */
  isPartial: boolean;
  /** The period before, as its latest certificate has it. */
  before?: { periodId: string; clients: number; events: number; totals: MeterTotals };
}

/** A question must not keep anybody waiting; `run --preview` reads everything. */
const LONGEST_LOOK_MILLISECONDS = 2_500;
/** So many clients of a bucket are read in any case: what is small is told whole, however busy a machine is. */
const CLIENTS_READ_IN_ANY_CASE = 100;

/**
 * Reads what has been counted in a period, as far as that goes at a glance.
 * @param clients only these, and of them everything; absent: all
 */
export async function lookAhead(cloud: Cloud, period: Period, clients?: readonly string[]): Promise<RunAhead> {
  const until = Date.now() + LONGEST_LOOK_MILLISECONDS;
  const found = { clients: 0, clientsWithPackages: 0, events: 0, isPartial: false };
  const sums = new MeterSums();
  const readRange = async (range: ClientRange) => {
    let read = 0;
    for await (const { folded, days, heads } of readClients(cloud.tables, period.id, range)) {
      if (read >= CLIENTS_READ_IN_ANY_CASE && Date.now() > until) {
        found.isPartial = true;
        return;
      }
      read += 1;
      found.clients += 1;
      if (heads.length > 0) found.clientsWithPackages += 1;
      const usage = new Map<string, { events: number; totals: MeterTotals }>([
        ...days.map((day) => [day.day, day] as const),
        ...folded,
      ]);
      for (const { events, totals } of usage.values()) {
        found.events += events;
        sums.addAll(totals);
      }
    }
  };
  const ranges: ClientRange[] = clients
    ? [...new Set(clients)].map((only) => ({ bucket: bucketOf(only), only }))
    : Array.from({ length: BUCKETS }, (_, bucket) => ({ bucket }));
  const [before] = await Promise.all([certifiedBefore(cloud, period), ...ranges.map(readRange)]);
  return { ...found, totals: sums.totals(), ...(before ? { before } : {}) };
}

async function certifiedBefore({ tables }: Cloud, period: Period): Promise<RunAhead['before']> {
  const { id } = previousPeriod(period.id);
  const [certificate] = await new CertificateStore(tables).list(id, 1);
  if (!certificate) return undefined;
  const { clients, slices } = certificate.usage;
  return { periodId: id, clients, events: slices.events, totals: slices.totals };
}

/** What would go, in lines for a person. */
export function runAheadWords(ahead: RunAhead): string[] {
  const { clients, clientsWithPackages, events, totals, isPartial, before } = ahead;
  const most = isPartial ? 'at least ' : '';
  return [
    `would go   ${most}${plural(clients, 'client')} with ${plural(events, 'event')}: ${totalsWords(totals)}`,
    ...(clientsWithPackages > 0
      ? [`           ${clientsWithPackages} of them have a package already: only what changed goes, as a correction`]
      : []),
    ...(isPartial ? ['           not all could be read at a glance: run --preview reads everything'] : []),
    before
      ? `before     ${before.periodId}: ${plural(before.clients, 'client')} with ${plural(before.events, 'event')}: ${totalsWords(before.totals)}`
      : 'before     the period before this one has no certificate to compare with',
  ];
}
