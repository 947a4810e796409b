import { S3Client } from '@aws-sdk/client-s3';
import { EvidenceArchive } from '../../lib/archive/evidence-archive.ts';
import { ArchiveManifest } from '../../lib/store/archive-manifest.ts';
import type { TablesWith } from '../../lib/store/tables.ts';
import type { EvidenceKeeper } from '../../lib/usage/evidence.ts';
import { type Environment, readVariables } from './variables.ts';

const MILLISECONDS_PER_SECOND = 1_000;

/**
 * The archive that a function's environment names. Stands in for `no-archive.ts` in the bundles of a stage with
 * `archive.enabled`.
 * @param instance names this instance of the function in control totals
 * @throws InvalidEnvironment naming every fault
 */
export function archiveFrom(
  environment: Environment,
  tables: TablesWith<'runs'>,
  instance: string,
): EvidenceKeeper | undefined {
  const read = readVariables(environment, 'ARCHIVE_BUCKET', 'ARCHIVE_RETENTION_DAYS', 'ARCHIVE_WAIT_SECONDS');
  return new EvidenceArchive({
    s3: new S3Client(),
    bucket: read.ARCHIVE_BUCKET,
    manifest: new ArchiveManifest(tables, read.ARCHIVE_RETENTION_DAYS),
    instance,
    waitMilliseconds: read.ARCHIVE_WAIT_SECONDS * MILLISECONDS_PER_SECOND,
  });
}
