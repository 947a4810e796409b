import type { ClientFacts } from '../lib/explanation/explain-client.ts';
import { endOfPeriod, type Period } from '../lib/periods/periods.ts';
import { readClients } from '../lib/store/client-reader.ts';
import { bucketOf } from '../lib/store/keys.ts';
import { LateLedger } from '../lib/store/late-ledger.ts';
import { RunStore } from '../lib/store/run-store.ts';
import type { Cloud } from './cloud.ts';
import { latestRun } from './period-status.ts';

/** Reads all that is known of one client in one period. */
export async function clientFacts(cloud: Cloud, clientId: string, period: Period): Promise<ClientFacts> {
  const ledger = new LateLedger(cloud.documents, {
    packages: cloud.outputs.PackagesTableName,
    usageSlices: cloud.outputs.UsageSlicesTableName,
  });
  const [records, state, run, openLateEvents] = await Promise.all([
    recordsOf(cloud, clientId, period),
    new RunStore(cloud.documents, cloud.outputs.RunsTableName).loadPeriodState(period.id),
    latestRun(cloud, period),
    openLateEventsOf(ledger, clientId, period),
  ]);
  const days = records?.days ?? [];
  const onlyCounted = [...(records?.folded.keys() ?? [])].filter((day) => !days.some((known) => known.day === day));
  return {
    clientId,
    period,
    now: Date.now(),
    periodEndsAt: endOfPeriod(period, cloud.calendar),
    days: [...days, ...onlyCounted.map((day) => ({ day, events: 0, totals: {} }))]
      .sort((one, other) => (one.day < other.day ? -1 : 1))
      .map(({ day, events, totals }) => {
        const counted = records?.folded.get(day);
        return { day, recorded: { events, totals }, ...(counted ? { counted } : {}) };
      }),
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
  };
}

async function recordsOf(cloud: Cloud, clientId: string, period: Period) {
  for await (const records of readClients(cloud.tables, period.id, { bucket: bucketOf(clientId), only: clientId })) {
    return records;
  }
  return undefined;
}

async function openLateEventsOf(ledger: LateLedger, clientId: string, period: Period): Promise<number> {
  let events = 0;
  for await (const line of ledger.lines(period.id)) if (!line.billed && line.clientId === clientId) events += 1;
  return events;
}
