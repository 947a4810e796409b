import { quantitiesOf } from '../../lib/meters/measure.ts';
import { fullerDay } from '../../lib/packages/day-fold.ts';
import { endOfPeriod, type Period } from '../../lib/periods/periods.ts';
import { type ClientRecords, readClients } from '../../lib/store/client-reader.ts';
import { bucketOf } from '../../lib/store/keys.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import { latestRun } from '../periods/period-status.ts';
import type { ClientFacts, ExplainedDay } from './explain-client.ts';

/** Reads all that is known of one client in one period. */
export async function clientFacts(cloud: Cloud, clientId: string, period: Period): Promise<ClientFacts> {
  const ledger = new LateLedger(cloud.tables);
  const [records, state, run, openLateEvents, { reads }] = await Promise.all([
    recordsOf(cloud, clientId, period),
    new RunStore(cloud.tables).loadPeriodState(period.id),
    latestRun(cloud, period),
    openLateEventsOf(ledger, clientId, period),
    new QuotaCalendarStore(cloud.tables, 'invoice-api').load(),
  ]);
  return {
    clientId,
    period,
    now: Date.now(),
    periodEndsAt: endOfPeriod(period, cloud.calendar),
    days: records ? explainedDays(records) : [],
    slices: records?.slices ?? 0,
    heads: records?.heads ?? [],
    closedAt: state?.closedAt,
    run: run && {
      runId: run.runId,
      status: run.status,
      startedAt: run.startedAt,
      error: run.failure || undefined,
      expectedEndAt: run.forecast?.expectedEndAt,
      clients: run.clients,
    },
    openLateEvents,
    failedRead: reads?.failed,
  };
}

/** Each day as it was recorded last and, where it has slices, as it stands now. */
function explainedDays({ days, folded }: ClientRecords): ExplainedDay[] {
  const records = new Map(days.map((record) => [record.day, record]));
  return [...new Set([...records.keys(), ...folded.keys()])].sort().map((day) => {
    const record = records.get(day);
    const slices = folded.get(day);
    const { events, totals } = record ?? { events: 0, totals: {} };
    const counted = slices && (record ? fullerDay(record, slices) : slices);
    return {
      day,
      recorded: { events, totals: quantitiesOf(totals) },
      ...(counted ? { counted: { events: counted.events, totals: quantitiesOf(counted.totals) } } : {}),
    };
  });
}

async function recordsOf(cloud: Cloud, clientId: string, period: Period) {
  for await (const records of readClients(cloud.tables, period.id, { bucket: bucketOf(clientId), only: clientId })) {
    return records;
  }
  return undefined;
}

async function openLateEventsOf(ledger: LateLedger, clientId: string, period: Period): Promise<number> {
  let events = 0;
  for await (const _line of ledger.open(period.id, clientId)) events += 1;
  return events;
}
