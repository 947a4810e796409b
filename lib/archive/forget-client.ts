import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { PeriodId } from '../periods/periods.ts';
import type { ArchiveManifest, ManifestEntry } from '../store/archive-manifest.ts';
import { BUCKETS, bucketOf } from '../store/keys.ts';
import type { ArchiveBucket, ListedObject } from './archive-bucket.ts';
import { archiveKeyOf } from './archive-key.ts';
import { readArchiveLine } from './archive-line.ts';
import { objectOfLines, textsOfObject } from './archive-object.ts';

/** What forgetting a client works with. */
export interface ForgettingDependencies {
  bucket: Pick<ArchiveBucket, 'read' | 'write' | 'delete' | 'list'>;
  manifest: Pick<ArchiveManifest, 'entries' | 'rewrite'>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** What was removed. */
export interface Forgotten {
  /** Lines, counted and dropped ones together. */
  lines: number;
  /** Objects that held some. */
  objects: number;
  /** Objects that are so new that counting may still be about to list them; they are to be looked at again later. */
  tooNew: number;
}

const CONCURRENT_OBJECTS = 16;
/** An object of counting is in the manifest seconds after it was written, or never. */
const UNLISTED_MILLISECONDS = 3_600_000;

/** The periods of which the archive holds objects, listed or not, in their order, with those objects. */
export async function archivedPeriods(bucket: Pick<ArchiveBucket, 'list'>): Promise<Map<PeriodId, ListedObject[]>> {
  const periods = new Map<PeriodId, ListedObject[]>();
  for await (const object of bucket.list()) {
    const period = object.key.slice(0, object.key.indexOf('/'));
    const known = periods.get(period) ?? [];
    periods.set(period, known);
    known.push(object);
  }
  return periods;
}

/**
 * Removes a client's lines from the archive's objects of a period; sums, counts and digests in the manifest stay. An
 * object is written anew under another key before the manifest names that one, and deleted last: whenever this ends in
 * the middle, every client's evidence can be read, and the same call again removes the rest.
 */
export async function forgetClient(
  clientId: string,
  periodId: PeriodId,
  objects: readonly ListedObject[],
  dependencies: ForgettingDependencies,
): Promise<Forgotten> {
  const { bucket, manifest, now } = dependencies;
  const limit = pLimit(CONCURRENT_OBJECTS);
  const forgotten: Forgotten = { lines: 0, objects: 0, tooNew: 0 };
  const add = (lines: number) => {
    forgotten.lines += lines;
    if (lines > 0) forgotten.objects += 1;
  };
  const listed = new Set<string>();
  const steps: Promise<void>[] = [];
  for await (const entry of manifest.entries(periodId)) {
    listed.add(archiveKeyOf(entry));
    steps.push(limit(async () => add(await forgetListed(clientId, entry, dependencies))));
  }
  for (const { key, writtenAt } of objects.filter(({ key: each }) => !listed.has(each))) {
    steps.push(
      limit(async () => {
        const bytes = await bucket.read(key);
        const lines = bytes ? (await textsOfObject(bytes)).filter((line) => isOf(clientId, line)).length : 0;
        if (lines === 0) return;
        if (writtenAt > now() - UNLISTED_MILLISECONDS) {
          forgotten.tooNew += 1;
          return;
        }
        // Nobody reads what the manifest does not list.
        await bucket.delete(key);
        add(lines);
      }),
    );
  }
  await Promise.all(steps);
  return forgotten;
}

/** @returns how many lines were removed */
async function forgetListed(
  clientId: string,
  entry: ManifestEntry,
  { bucket, manifest }: ForgettingDependencies,
): Promise<number> {
  const range = entry.members.get(bucketOf(clientId));
  const key = archiveKeyOf(entry);
  const member = range && (await bucket.read(key, range));
  if (!member) return 0;
  const removed = (await textsOfObject(member)).filter((line) => isOf(clientId, line)).length;
  if (removed === 0) return 0;
  const bytes = await bucket.read(key);
  if (!bytes) return 0;
  const lines = Array.from({ length: BUCKETS }, (): string[] => []);
  for (const line of await textsOfObject(bytes)) {
    const { subject } = readArchiveLine(line);
    if (subject !== clientId) lines[bucketOf(subject)]?.push(line);
  }
  const object = await objectOfLines(lines);
  const rewritten = `${entry.periodId}/${entry.instance}/${String(entry.sequence).padStart(6, '0')}.${randomUUID()}.ndjson.gz`;
  if (object.bytes.length > 0) await bucket.write(rewritten, object);
  await manifest.rewrite({ ...entry, bytes: object.bytes.length, members: object.members }, rewritten);
  await bucket.delete(key);
  return removed;
}

function isOf(clientId: string, line: string): boolean {
  return readArchiveLine(line).subject === clientId;
}
