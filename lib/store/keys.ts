import { createHash } from 'node:crypto';
import type { Day } from '../periods/days.ts';
import { type PeriodId, periodIdOfDay } from '../periods/periods.ts';
import { isWide, type SliceName } from '../usage/slice-path.ts';

/**
 * A period's clients are spread over this many partition keys, so that neither counting nor packaging is bound to the
 * 1,000 write units a second of one partition
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).
 * Fixed for ever: another number would look for the same client in another place.
 */
export const BUCKETS = 16;

/** Separates the parts of a key. No client id may hold it (see `lib/events/consumption-event.ts`). */
export const SEPARATOR = '#';

/** Sorts after every character that a client id may hold: the exclusive upper end of a prefix. */
export const AFTER_EVERYTHING = '\u007f';

const pad = (value: number, digits: number): string => String(value).padStart(digits, '0');

/** `2026-11-03` */
const DAY_LENGTH = 10;

function prefixOf(kind: string, clientId: string | undefined): string {
  return clientId === undefined ? kind + SEPARATOR : [kind, clientId, ''].join(SEPARATOR);
}

/** A primary key of any of the tables: all have a partition key `pk` and a sort key `sk`, both strings. */
export interface PrimaryKey {
  pk: string;
  sk: string;
}

/** The bucket of a client: 0 to 15, from the first byte of the id's SHA-256. */
export function bucketOf(clientId: string): number {
  return (createHash('sha256').update(clientId).digest()[0] ?? 0) % BUCKETS;
}

/** The partition of one bucket of a period, in usage slices, daily records and packages alike. */
export function periodPartition(periodId: PeriodId, bucket: number): string {
  return `${periodId}${SEPARATOR}${pad(bucket, 2)}`;
}

/** The partition that holds a client's part of a period. */
export function clientPartition(periodId: PeriodId, clientId: string): string {
  return periodPartition(periodId, bucketOf(clientId));
}

/** What the sort keys of a client's usage slices and daily records begin with. */
export function clientPrefix(clientId: string): string {
  return clientId + SEPARATOR;
}

/** The client in the sort key of a usage slice or a daily record. */
export function clientOfKey(sortKey: string): string {
  return sortKey.slice(0, sortKey.indexOf(SEPARATOR));
}

/** The day in the sort key of a usage slice or a daily record. */
export function dayOfKey(sortKey: string): Day {
  const start = sortKey.indexOf(SEPARATOR) + 1;
  return sortKey.slice(start, start + DAY_LENGTH);
}

/** Usage slice: `<client>#<day>#<slice>#<page>`, so that one query yields a client's slices day by day. */
export function usageSliceKey(clientId: string, day: Day, slice: SliceName, page: number): PrimaryKey {
  return {
    pk: clientPartition(periodIdOfDay(day), clientId),
    sk: usageSlicePrefix(clientId, day, slice) + pad(page, 5),
  };
}

/** The number of the page in the sort key of a usage slice. */
export function pageOfKey(sortKey: string): number {
  return Number(sortKey.slice(sortKey.lastIndexOf(SEPARATOR) + 1));
}

/**
 * What the sort keys of one slice's pages begin with: the number of a short slice has four digits, a wide one has its
 * name.
 */
export function usageSlicePrefix(clientId: string, day: Day, slice: SliceName): string {
  return [clientId, day, isWide(slice) ? slice : pad(slice, 4), ''].join(SEPARATOR);
}

/** Daily record: `<client>#<day>`. */
export function dailyRecordKey(clientId: string, day: Day): PrimaryKey {
  return { pk: clientPartition(periodIdOfDay(day), clientId), sk: `${clientId}${SEPARATOR}${day}` };
}

/**
 * A page of a daily record whose totals do not fit into it: `<client>#<day>#<fold>#<page>`, behind the record and
 * before the next day's.
 */
export function totalsPageKey(clientId: string, day: Day, fold: string, page: number): PrimaryKey {
  const { pk, sk } = dailyRecordKey(clientId, day);
  return { pk, sk: totalsPageSort(sk, fold, page) };
}

/** The sort key of such a page, from that of its record. */
export function totalsPageSort(recordSortKey: string, fold: string, page: number): string {
  return [recordSortKey, fold, pad(page, 4)].join(SEPARATOR);
}

/** Whether a sort key among daily records is that of a page. */
export function isTotalsPage(sortKey: string): boolean {
  return sortKey.length - sortKey.indexOf(SEPARATOR) - 1 > DAY_LENGTH;
}

/** What the sort keys of heads begin with: of all, or of one client's. */
export function headPrefix(clientId?: string): string {
  return prefixOf('head', clientId);
}

/** What the sort keys of documents begin with: of all, or of one client's. */
export function documentPrefix(clientId?: string): string {
  return prefixOf('document', clientId);
}

/** The head of a package: its state, its current revision, its attempts. Small, since every attempt rewrites it. */
export function packageHeadKey(periodId: PeriodId, clientId: string, part: number): PrimaryKey {
  return {
    pk: clientPartition(periodId, clientId),
    sk: ['head', clientId, pad(part, 4)].join(SEPARATOR),
  };
}

/** The client and the part in the sort key of a head. */
export function headOfKey(sortKey: string): { clientId: string; part: number } {
  const [, clientId = '', part] = sortKey.split(SEPARATOR);
  return { clientId, part: Number(part) };
}

/**
 * The document of one revision of a package: the bytes for the invoice API. Written once, never changed after sending.
 */
export function packageDocumentKey(periodId: PeriodId, clientId: string, part: number, revision: number): PrimaryKey {
  return {
    pk: clientPartition(periodId, clientId),
    sk: ['document', clientId, pad(part, 4), `r${pad(revision, 6)}`].join(SEPARATOR),
  };
}

/** The index of outstanding packages: `<state>#<client>#<part>`. */
export function outstandingSort(state: string, clientId: string, part: number): string {
  return outstandingPrefix(state, clientId) + pad(part, 4);
}

/** What its keys begin with: for all packages in a state, or for one client's. */
export function outstandingPrefix(state: string, clientId?: string): string {
  return prefixOf(state, clientId);
}

/**
 * Packages: which late events of one page of a usage slice are billed; named as the slice is, with `late#` before it.
 * @param sliceSortKey the slice's own sort key, which begins with the client
 */
export function lateLedgerKey(partition: string, sliceSortKey: string): PrimaryKey {
  return { pk: partition, sk: lateLedgerPrefix() + sliceSortKey };
}

/** What the sort keys of the ledger begin with: of all, or of one client's. */
export function lateLedgerPrefix(clientId?: string): string {
  return prefixOf('late', clientId);
}

/**
 * Runs: what is known of a period as a whole. `lock`, `state`, `run#<started>#<run>`; of earlier versions
 * `certificate#<started>#<run>`.
 */
export function periodKey(periodId: PeriodId, ...parts: string[]): PrimaryKey {
  return { pk: `period${SEPARATOR}${periodId}`, sk: parts.join(SEPARATOR) };
}

/** Runs: what the sort keys of a period's control totals begin with; one instance's id follows. */
export function controlTotalPrefix(): string {
  return prefixOf('control-total', undefined);
}

/** Runs: one object of the archive, by the instance that wrote it and its number there. */
export function archiveEntryKey(periodId: PeriodId, instance: string, sequence: number): PrimaryKey {
  return { pk: `archive${SEPARATOR}${periodId}`, sk: [instance, pad(sequence, 8)].join(SEPARATOR) };
}

/**
 * Runs: the certificate of a run. In a partition of its own: the functions' roles may add to partitions that begin with
 * `certificate#`, and neither change nor delete what is there (`serverless.yml`).
 */
export function certificateKey(periodId: PeriodId, ...parts: string[]): PrimaryKey {
  return { pk: `certificate${SEPARATOR}${periodId}`, sk: ['run', ...parts].join(SEPARATOR) };
}

/** Runs: one page of a certificate's content, under the certificate's hash. */
export function certificatePageKey(periodId: PeriodId, hash: string, page: number): PrimaryKey {
  const { pk } = certificateKey(periodId);
  return { pk, sk: ['page', hash, pad(page, 6)].join(SEPARATOR) };
}

/** Runs: a page where certificates of earlier versions keep it. */
export function earlierCertificatePageKey(periodId: PeriodId, hash: string, page: number): PrimaryKey {
  return periodKey(periodId, 'certificate-page', hash, pad(page, 6));
}

/** Runs: one link of the chain of all certificates, numbered from 1. */
export function certificateLinkKey(number: number): PrimaryKey {
  return { pk: `certificate${SEPARATOR}chain`, sk: pad(number, 12) };
}

/**
 * Runs: what persons did to a period, or to no single one: `<at>#<id>`. In partitions that no function may
 * write to (`serverless.yml`).
 */
export function interventionKey(periodId: PeriodId | undefined, ...parts: string[]): PrimaryKey {
  return { pk: `intervention${SEPARATOR}${periodId ?? 'stage'}`, sk: parts.join(SEPARATOR) };
}

/** Whether what stands under a partition key is only ever added to: certificates, and what persons did. */
export function isLastingPartition(pk: string): boolean {
  return ['certificate', 'intervention'].some((kind) => pk.startsWith(prefixOf(kind, undefined)));
}

/** The primary key of an item as DynamoDB hands it out, of any of the tables. */
export function keyOf({ pk, sk }: Record<string, { S?: string | undefined }>): PrimaryKey {
  return { pk: pk?.S ?? '', sk: sk?.S ?? '' };
}

/** A primary key as DynamoDB takes it. */
export function keyAttributes({ pk, sk }: PrimaryKey): { pk: { S: string }; sk: { S: string } } {
  return { pk: { S: pk }, sk: { S: sk } };
}

/** Runs: what belongs to one run alone, such as the bounds of its chunks: `chunk#<number>`, `send#<round>#<number>`. */
export function runKey(runId: string, kind: string, ...numbers: number[]): PrimaryKey {
  return { pk: `run${SEPARATOR}${runId}`, sk: [kind, ...numbers.map((number) => pad(number, 6))].join(SEPARATOR) };
}

/** Runs: the quota calendar of one invoice API. */
export function quotaCalendarKey(name: string): PrimaryKey {
  return { pk: `quota${SEPARATOR}${name}`, sk: 'calendar' };
}

/** Runs: the settings that keys depend on, written by the first function that counts and never changed. */
export const FOUNDATION_KEY: PrimaryKey = { pk: 'foundation', sk: 'settings' };

/** Runs: who a client is at the invoice API, spread as usage is so that a list of all can be read. */
export function clientMappingKey(clientId: string): PrimaryKey {
  return { pk: clientMappingPartition(bucketOf(clientId)), sk: clientId };
}

/** The partition of one bucket of these. */
export function clientMappingPartition(bucket: number): string {
  return ['clients', pad(bucket, 2)].join(SEPARATOR);
}

/** Runs: one entry of a meter's history. All meters are in one partition: they are read together, and seldom. */
export function meterKey(meter: string, version: number): PrimaryKey {
  return { pk: METERS_STATE_KEY.pk, sk: meterPrefix(meter) + pad(version, 6) };
}

/** What the sort keys of meters begin with: of all, or of one meter's history. */
export function meterPrefix(meter?: string): string {
  return prefixOf('meter', meter);
}

/** Runs: how often the registry of meters has changed. */
export const METERS_STATE_KEY: PrimaryKey = { pk: 'meters', sk: 'state' };

/** Runs: who asks for an access token of the invoice API now. */
export const ACCESS_TOKEN_CLAIM_KEY: PrimaryKey = { pk: 'invoice-api', sk: 'access-token-claim' };
