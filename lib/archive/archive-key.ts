import type { ManifestEntry } from '../store/archive-manifest.ts';

/** The key of an object: `2026-11-H1/<instance>/000001.ndjson.gz`. */
export function archiveKeyOf({
  periodId,
  instance,
  sequence,
}: Pick<ManifestEntry, 'periodId' | 'instance' | 'sequence'>): string {
  return `${periodId}/${instance}/${String(sequence).padStart(6, '0')}.ndjson.gz`;
}
