import pLimit from 'p-limit';
import { hexOfIdentity, identityOf } from '../events/identity.ts';
import type { BillingCalendar, Day } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { ArchiveManifest, ManifestEntry } from '../store/archive-manifest.ts';
import { bucketOf } from '../store/keys.ts';
import type { ArchiveBucket } from './archive-bucket.ts';
import { archiveKeyOf } from './archive-key.ts';
import type { ArchiveLine } from './archive-line.ts';
import { linesOfObject } from './archive-object.ts';

/** An event behind a client's totals. */
export interface EvidencedEvent extends ArchiveLine {
  day: Day;
  /** 32 hexadecimal digits, as usage slices hold it. */
  identity: string;
}

/** What the archive says of a client in a period. */
export interface ClientEvidence {
  /** Each counted event once, by time. */
  events: EvidencedEvent[];
  /** Dropped duplicates of those. */
  duplicates: EvidencedEvent[];
  /** Lines of which nothing says that they were counted: of writes that did not take place, as far as is known. */
  uncounted: EvidencedEvent[];
  /** Identities that usage slices hold and the archive does not, by day; known while slices are kept. */
  missing: { day: Day; identity: string }[];
  /** Objects that the manifest lists and that are gone from S3. */
  objectsGone: number;
}

/** What evidence is found with. */
export interface FindingEvidence {
  bucket: Pick<ArchiveBucket, 'read'>;
  manifest: Pick<ArchiveManifest, 'entries'>;
  calendar: BillingCalendar;
  /** The identities in a client's usage slices, in hex, by day. */
  identities: ReadonlyMap<Day, ReadonlySet<string>>;
}

/** Requests under way at once. */
const CONCURRENT_READS = 16;

/**
 * Finds the events behind a client's totals of a period. What a batch has counted stands there once for each time that
 * it was added to a total. An instance that died before it could archive what it had counted leaves the event to the
 * delivery that followed, as a dropped duplicate: such a line stands for the event where no other does.
 */
export async function findEvidence(
  clientId: string,
  periodId: PeriodId,
  { bucket, manifest, calendar, identities }: FindingEvidence,
): Promise<ClientEvidence> {
  const place = bucketOf(clientId);
  const limit = pLimit(CONCURRENT_READS);
  const reads: Promise<ArchiveLine[] | undefined>[] = [];
  for await (const entry of manifest.entries(periodId)) {
    if (entry.members.has(place)) reads.push(limit(() => linesOfClient(entry, clientId, place, bucket)));
  }
  const read = await Promise.all(reads);
  const lines = read.flatMap((each) => each ?? []).map((line) => evidenced(line, calendar));
  lines.sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
  return { ...sorted(lines, identities), objectsGone: read.filter((each) => each === undefined).length };
}

async function linesOfClient(
  entry: ManifestEntry,
  clientId: string,
  place: number,
  bucket: Pick<ArchiveBucket, 'read'>,
): Promise<ArchiveLine[] | undefined> {
  const bytes = await bucket.read(archiveKeyOf(entry), entry.members.get(place));
  return bytes && (await linesOfObject(bytes)).filter(({ subject }) => subject === clientId);
}

function evidenced(line: ArchiveLine, calendar: BillingCalendar): EvidencedEvent {
  const day = calendar.dayOf(Date.parse(line.time));
  return { ...line, day, identity: hexOfIdentity(identityOf(line.source, line.id)) };
}

function sorted(
  lines: readonly EvidencedEvent[],
  identities: FindingEvidence['identities'],
): Omit<ClientEvidence, 'objectsGone'> {
  const keyOf = ({ day, identity }: { day: Day; identity: string }) => `${day} ${identity}`;
  const events = lines.filter(({ as }) => as === 'counted');
  const proven = new Set(events.map(keyOf));
  const duplicates: EvidencedEvent[] = [];
  const uncounted: EvidencedEvent[] = [];
  for (const line of lines) {
    if (line.as === 'counted') continue;
    const key = keyOf(line);
    if (proven.has(key)) {
      if (line.as === 'duplicate') duplicates.push(line);
    } else if (wasCounted(line, identities)) {
      proven.add(key);
      events.push(line);
    } else {
      uncounted.push(line);
    }
  }
  const missing = [...identities].flatMap(([day, held]) =>
    [...held].filter((identity) => !proven.has(keyOf({ day, identity }))).map((identity) => ({ day, identity })),
  );
  events.sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
  return { events, duplicates, uncounted, missing };
}

/** By the slices; where they have expired, a duplicate was dropped because its identity was there. */
function wasCounted({ as, day, identity }: EvidencedEvent, identities: FindingEvidence['identities']): boolean {
  const held = identities.get(day);
  return held?.has(identity) ?? as === 'duplicate';
}
