import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { BUCKETS, bucketOf } from '../store/keys.ts';
import type { BatchEvidence } from '../usage/evidence.ts';
import { type ArchiveLine, archiveLine, readArchiveLine, type Treatment } from './archive-line.ts';

/** The bytes of one bucket in an object: the first, and the one after the last. */
export type MemberRange = readonly [start: number, end: number];

/**
 * What an object of the archive is: for each bucket of clients a gzip member of its lines. Members in a row are one
 * gzip file (https://www.rfc-editor.org/rfc/rfc1952#section-2.2), so any tool unpacks the whole, and who looks for one
 * client fetches a sixteenth of it.
 */
export interface ArchiveObject {
  bytes: Buffer;
  /** SHA-256 of the bytes, in hex. */
  sha256: string;
  /** By bucket; one without a line is absent. */
  members: ReadonlyMap<number, MemberRange>;
}

const compress = promisify(gzip);
const decompress = promisify(gunzip);
/** Counting waits for it: the dearer levels take three times as long and save a tenth. */
const LEVEL = 4;

/** Makes the object of a batch's events of one period. */
export async function archiveObjectOf({ counted, duplicates, unsure }: BatchEvidence): Promise<ArchiveObject> {
  const lines = Array.from({ length: BUCKETS }, (): string[] => []);
  const bucketOfClient = new Map<string, number>();
  const add = (as: Treatment, events: BatchEvidence['counted']) => {
    for (const event of events) {
      const bucket = bucketOfClient.get(event.clientId) ?? bucketOf(event.clientId);
      bucketOfClient.set(event.clientId, bucket);
      lines[bucket]?.push(archiveLine(as, event));
    }
  };
  add('counted', counted);
  add('duplicate', duplicates);
  add('unsure', unsure);
  return objectOfLines(lines);
}

/** Makes an object of lines, bucket by bucket. */
export async function objectOfLines(linesByBucket: readonly (readonly string[])[]): Promise<ArchiveObject> {
  const members = new Map<number, MemberRange>();
  const parts: Buffer[] = [];
  let start = 0;
  for (const [bucket, lines] of linesByBucket.entries()) {
    if (lines.length === 0) continue;
    const part = await compress(`${lines.join('\n')}\n`, { level: LEVEL });
    members.set(bucket, [start, start + part.length]);
    parts.push(part);
    start += part.length;
  }
  const bytes = Buffer.concat(parts);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), members };
}

/**
 * The lines in an object, or in one of its members, as texts.
 * @throws Error of zlib for bytes that were damaged
 */
export async function textsOfObject(bytes: Uint8Array): Promise<string[]> {
  const text = (await decompress(bytes)).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}

/** The same, read. */
export async function linesOfObject(bytes: Uint8Array): Promise<ArchiveLine[]> {
  return (await textsOfObject(bytes)).map(readArchiveLine);
}
