import type { ManifestEntry } from '../store/archive-manifest.ts';

/** The key of an object: `2026-11-H1/<instance>/000001.ndjson.gz`, or where it is since lines of it were removed. */
export function archiveKeyOf({
  periodId,
  instance,
  sequence,
  rewrittenKey,
}: Pick<ManifestEntry, 'periodId' | 'instance' | 'sequence' | 'rewrittenKey'>): string {
  return rewrittenKey ?? `${periodId}/${instance}/${String(sequence).padStart(6, '0')}.ndjson.gz`;
}
