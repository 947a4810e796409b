import { isSameMeter, type MeterDefinition, type RegisteredMeter } from '../../lib/meters/meter.ts';
import { MeterKindFixed } from '../../lib/meters/meter-registration.ts';
import { MeterStore } from '../../lib/store/meter-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import { kindsCountedOf } from './counted-kinds.ts';

/** What is to be said of a meter, and what was said of it last. */
export interface WantedMeter {
  name: string;
  definition: MeterDefinition;
  known: RegisteredMeter | undefined;
}

/**
 * Registers meters, those that change. Nothing is registered unless all can be.
 * @returns those that were
 * @throws MeterKindFixed, MeterContended
 */
export async function registerMeters(cloud: Cloud, wanted: readonly WantedMeter[]): Promise<RegisteredMeter[]> {
  const changed = wanted.filter(({ definition, known }) => !known || !isSameMeter(definition, known));
  await assertKinds(cloud, changed);
  const store = new MeterStore(cloud.tables);
  const registered: RegisteredMeter[] = [];
  for (const { name, definition, known } of changed) {
    registered.push(await store.register(name, definition, known, Date.now()));
  }
  return registered;
}

/** A meter keeps the kind by which it has been counted; one that nobody knew was a sum. */
async function assertKinds(cloud: Cloud, wanted: readonly WantedMeter[]): Promise<void> {
  const otherKind = wanted.filter(({ definition, known }) => definition.kind !== (known?.kind ?? 'sum'));
  if (otherKind.length === 0) return;
  const counted = await kindsCountedOf(
    cloud,
    new Map(otherKind.map(({ name, known }) => [name, known?.kind ?? 'sum'])),
  );
  for (const { name, definition } of otherKind) {
    const kind = [...(counted.get(name) ?? [])].find((each) => each !== definition.kind);
    if (kind) throw new MeterKindFixed(name, kind, definition.kind);
  }
}
