import type { Period } from '../lib/periods/periods.ts';
import { periodsToWatch } from '../lib/runs/watch-periods.ts';
import { BUCKETS } from '../lib/store/keys.ts';
import { LateLedger } from '../lib/store/late-ledger.ts';
import { OutstandingPackages } from '../lib/store/outstanding-packages.ts';
import { RunStore } from '../lib/store/run-store.ts';
import type { Cloud } from './cloud.ts';

/** A period in which something waits for a person or a run. */
export interface OpenPeriod {
  period: Period;
  packagesParked: number;
  lateEventsNotYetBilled: number;
}

/** The periods that the alarms look at, the latest first. */
export function watchedPeriods({ calendar, outputs }: Cloud): Period[] {
  return periodsToWatch({ calendar, eventMaxAgeDays: Number(outputs.EventMaxAgeDays), now: Date.now });
}

/** Those of the watched periods in which something is open, the latest first. */
export async function openPeriods(cloud: Cloud): Promise<OpenPeriod[]> {
  const periods = await Promise.all(watchedPeriods(cloud).map((period) => standingOf(cloud, period)));
  return periods.filter(({ packagesParked, lateEventsNotYetBilled }) => packagesParked + lateEventsNotYetBilled > 0);
}

async function standingOf(cloud: Cloud, period: Period): Promise<OpenPeriod> {
  const { documents, outputs, tables } = cloud;
  const outstanding = new OutstandingPackages(documents, outputs.PackagesTableName);
  const [state, packagesParked] = await Promise.all([
    new RunStore(documents, outputs.RunsTableName).loadPeriodState(period.id),
    outstanding.count({ periodId: period.id, buckets: { from: 0, to: BUCKETS - 1 } }, 'parked'),
  ]);
  // Before a period is closed once, its next run bills everything.
  const late = state?.lastClosedAt ? await new LateLedger(tables).notYetBilled(period.id) : { events: 0 };
  return { period, packagesParked, lateEventsNotYetBilled: late.events };
}
