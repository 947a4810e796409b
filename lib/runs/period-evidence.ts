import { createHash } from 'node:crypto';
import type { Certificate } from '../certificate/certificate.ts';
import { MeterSums } from '../decimal/meter-sums.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { ArchiveManifest, ManifestEntry } from '../store/archive-manifest.ts';
import { type ControlTotal, meterGroupOf } from '../usage/control-total.ts';

/** What a certificate says of the archive. */
export type PeriodEvidence = NonNullable<Certificate['evidence']>;

/** What the account of evidence is made of. */
export interface PeriodEvidenceDependencies {
  manifest: Pick<ArchiveManifest, 'entries'>;
  /** What each instance of counting says it has counted of a period. */
  controlTotals: (periodId: PeriodId) => Promise<ReadonlyMap<string, ControlTotal>>;
}

/** What the objects of one instance say. */
interface InstanceEvidence {
  counted: number;
  groups: MeterSums;
}

/**
 * Holds the archive's manifest of a period against what counting says it has counted, instance by instance, so that
 * what one has too much of hides nothing of another.
 * @param meters those of the period, to name what has no evidence
 */
export async function evidenceOfPeriod(
  periodId: PeriodId,
  meters: Iterable<string>,
  { manifest, controlTotals }: PeriodEvidenceDependencies,
): Promise<PeriodEvidence> {
  // First: an instance lists its objects before it calls their events counted.
  const control = await controlTotals(periodId);
  const instances = new Map<string, InstanceEvidence>();
  const digest = createHash('sha256');
  const sums = { objects: 0, counted: 0, duplicates: 0 };
  let until: string | undefined;
  for await (const entry of manifest.entries(periodId)) {
    digest.update(manifestLine(entry));
    sums.objects += 1;
    sums.counted += entry.counted;
    sums.duplicates += entry.duplicates;
    if (until === undefined || entry.at > until) until = entry.at;
    const known = instances.get(entry.instance) ?? { counted: 0, groups: new MeterSums() };
    instances.set(entry.instance, known);
    known.counted += entry.counted;
    for (const [group, sum] of entry.groups) known.groups.add(group, sum);
  }
  return {
    ...sums,
    ...(until === undefined ? {} : { until }),
    digest: digest.digest('hex'),
    withoutEvidence: missingOf(control, instances, meters),
  };
}

/** One object, as the digest of a period's manifest goes over it. */
export function manifestLine({ instance, sequence, sha256, counted, duplicates, unsure }: ManifestEntry): string {
  return `${[instance, sequence, sha256, counted, duplicates, unsure].join(' ')}\n`;
}

function missingOf(
  control: ReadonlyMap<string, ControlTotal>,
  instances: ReadonlyMap<string, InstanceEvidence>,
  meters: Iterable<string>,
): PeriodEvidence['withoutEvidence'] {
  let events = 0;
  const missing = new MeterSums();
  for (const [instance, { events: counted, groups }] of control) {
    const kept = instances.get(instance);
    const without = counted - (kept?.counted ?? 0);
    // More than is settled: its last batch is not settled yet, or never was.
    if (without <= 0) continue;
    events += without;
    for (const [group, sum] of groups) missing.add(group, sum.counted);
    missing.subtractAll(kept?.groups.totals() ?? {});
  }
  const metersOfGroup = new Map<string, string[]>();
  for (const meter of meters) {
    const group = meterGroupOf(meter);
    metersOfGroup.set(group, [...(metersOfGroup.get(group) ?? []), meter]);
  }
  const sums = Object.entries(missing.totals()).map(([group, quantity]) => ({
    meters: metersOfGroup.get(group) ?? [],
    quantity,
  }));
  return { events, sums };
}
