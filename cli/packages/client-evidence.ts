import { ArchiveBucket } from '../../lib/archive/archive-bucket.ts';
import { type ClientEvidence, findEvidence } from '../../lib/archive/client-evidence.ts';
import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import type { PackageDocument } from '../../lib/packages/document.ts';
import { measureOfLine } from '../../lib/packages/lines.ts';
import type { Day } from '../../lib/periods/days.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { ArchiveManifest } from '../../lib/store/archive-manifest.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import { readIdentities } from '../../lib/store/usage-identities.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import type { UsageSoFar } from '../../lib/usage/usage-so-far.ts';
import type { Cloud } from '../connection/cloud.ts';
import { CommandFailed } from '../terminal/errors.ts';

/** The events behind a client's lines, and what those lines say. */
export interface ClientProof {
  evidence: ClientEvidence;
  usage: UsageSoFar;
  /** What the current revisions of the client's packages say; nothing before the first run. */
  packaged: MeterTotals | undefined;
}

/**
 * Reads the evidence of a client's period, and what it has to agree with.
 * @throws CommandFailed for a stage without an archive
 */
export async function proofOf(cloud: Cloud, clientId: string, periodId: PeriodId): Promise<ClientProof> {
  const archive = await cloud.archive();
  if (!archive) {
    throw new CommandFailed(
      'NO_ARCHIVE',
      `Stage ${cloud.target.name} keeps no archive of what it counts, so there are totals and no events: ` +
        'set archive.enabled in its settings and deploy; what was counted before stays without evidence.',
    );
  }
  const { tables, calendar } = cloud;
  const [usage, held] = await Promise.all([
    readUsageSoFar(tables, clientId, periodId),
    readIdentities(tables, clientId, periodId),
  ]);
  const evidence = await findEvidence(clientId, periodId, {
    bucket: new ArchiveBucket(archive),
    manifest: new ArchiveManifest(tables),
    calendar,
    identities: ofWholeDays(held, usage),
  });
  return { evidence, usage, packaged: await packagedOf(cloud, clientId, periodId) };
}

/** The days of which no slice has expired. */
function ofWholeDays(held: ReadonlyMap<Day, Set<string>>, { days }: UsageSoFar): Map<Day, Set<string>> {
  const events = new Map(days.map((each) => [each.day, each.events]));
  return new Map([...held].filter(([day, { size }]) => size >= (events.get(day) ?? 0)));
}

async function packagedOf(cloud: Cloud, clientId: string, periodId: PeriodId): Promise<MeterTotals | undefined> {
  const reader = new PackageReader(cloud.tables);
  const [heads, revisions] = await Promise.all([
    reader.headsOfClient(periodId, clientId),
    reader.revisionsOfClient(periodId, clientId),
  ]);
  if (heads.length === 0) return undefined;
  const current = new Map(heads.map(({ part, revision }) => [part, revision]));
  const sums = new MeterSums();
  for (const { part, revision, document } of revisions) {
    if (revision !== current.get(part)) continue;
    const { lines } = JSON.parse(document) as PackageDocument; // as packaging wrote it
    for (const line of lines) sums.add(measureOfLine(line), line.quantity);
  }
  return sums.totals();
}
