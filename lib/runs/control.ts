import type { PeriodId } from '../periods/periods.ts';
import type { RunStore } from '../store/run-store.ts';
import type { ControlSum, ControlTotal, MeterGroup, PeriodControl } from '../usage/control-total.ts';

/** Reads what ingestion counted of a period, by its own batches. */
export type ReadControlTotal = (periodId: PeriodId) => Promise<PeriodControl>;

interface KeptControl extends Omit<ControlTotal, 'groups'> {
  groups: [MeterGroup, ControlSum][];
}

/** Keeps what ingestion had counted before a run began to read: all of it must be in what the run reads. */
export async function keepControl(runs: RunStore, runId: string, total: ControlTotal): Promise<void> {
  const { events, unsureEvents, groups } = total;
  const kept: KeptControl = { events, unsureEvents, groups: [...groups] };
  await runs.saveValue(runId, 'control', [], kept);
}

/** What a run kept before it began to read; nothing for a run of some clients, or of an earlier version. */
export async function loadControl(runs: RunStore, runId: string): Promise<ControlTotal | undefined> {
  const kept = await runs.loadValue<KeptControl>(runId, 'control', []);
  return kept && { ...kept, groups: new Map(kept.groups) };
}
