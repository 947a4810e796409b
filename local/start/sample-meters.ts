import type { MeterDefinition } from '../../lib/meters/meter.ts';
import { parseMeter } from '../../lib/meters/meter-registration.ts';
import { MeterStore } from '../../lib/store/meter-store.ts';
import type { TablesWith } from '../../lib/store/tables.ts';

/** What the sample says of its meters: one of every kind, and one that does not count any more. */
export const SAMPLE_METERS: Readonly<Record<string, MeterDefinition>> = {
  api_calls: parseMeter('api_calls', { unit: 'calls', sign: 'notNegative', decimals: 0 }),
  logins: parseMeter('logins', { kind: 'count', unit: 'logins' }),
  active_seats: parseMeter('active_seats', { kind: 'maximum', unit: 'seats', maximum: '1000' }),
  disk_gb: parseMeter('disk_gb', { kind: 'latest', unit: 'GB' }),
  retired_calls: parseMeter('retired_calls', { activeUntil: '2020-12-31' }),
};

/** Registers the meters of the sample, in a service that knows none yet. */
export async function registerSampleMeters(tables: TablesWith<'runs'>): Promise<void> {
  const store = new MeterStore(tables);
  for (const [name, definition] of Object.entries(SAMPLE_METERS)) {
    await store.register(name, definition, undefined, Date.now());
  }
}
