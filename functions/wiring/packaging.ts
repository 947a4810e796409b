import { MeterRegistry } from '../../lib/meters/meter-registry.ts';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { Gate } from '../../lib/runs/gate.ts';
import type { PackageChunkDependencies } from '../../lib/runs/package-chunk.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { DailyRecordWriter } from '../../lib/store/daily-records.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What package-chunk works with.
 * @throws InvalidEnvironment naming every fault
 */
export function packagingDependencies(
  environment: Environment,
): Omit<PackageChunkDependencies, 'remainingMilliseconds'> {
  const variables = readVariables(
    environment,
    'BILLING_TIME_ZONE',
    'SLICE_MINUTES',
    'EVENT_MAX_AGE_DAYS',
    'USAGE_SLICES_TABLE',
    'DAILY_RECORDS_TABLE',
    'PACKAGES_TABLE',
    'RUNS_TABLE',
    'GATE_MODE',
    'GATE_PERIODS',
  );
  const tables = tablesOf(variables);
  const runs = new RunStore(tables);
  const settings = { mode: variables.GATE_MODE, periods: variables.GATE_PERIODS };
  return {
    calendar: new BillingCalendar(variables.BILLING_TIME_ZONE, variables.SLICE_MINUTES),
    eventMaxAgeDays: variables.EVENT_MAX_AGE_DAYS,
    tables,
    runs,
    registry: new MeterRegistry(new MeterReader(tables)),
    ...(settings.mode === 'off' ? {} : { gate: new Gate(settings, { tables, runs }) }),
    packages: new PackageStore(tables),
    certificates: new CertificateStore(tables),
    dailyRecords: new DailyRecordWriter(tables),
    lateLedger: new LateLedger(tables),
    writeConcurrency: 32,
    now: Date.now,
  };
}
