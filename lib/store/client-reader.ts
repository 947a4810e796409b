import type { QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { ClientBooks } from '../certificate/client-account.ts';
import type { ClientRange } from '../chunks/bounds.ts';
import { DayFold, type FoldedDay } from '../packages/day-fold.ts';
import type { PackageHead } from '../packages/package.ts';
import type { Day } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';
import { dailyRecordsOf, type StoredDay } from './daily-records.ts';
import {
  AFTER_EVERYTHING,
  clientOfKey,
  clientPrefix,
  dayOfKey,
  documentPrefix,
  headPrefix,
  periodPartition,
} from './keys.ts';
import { type PackageRevision, packageHeadOf, packageRevisionOf } from './package-store.ts';
import { queryPages, type RawItem, textOf } from './pages.ts';
import { type LatePage, latePageOf, SLICE_PROJECTION, sliceUsageOf } from './slice-items.ts';
import type { TablesWith } from './tables.ts';

/** All that is known of one client in one period. */
export interface ClientRecords {
  clientId: string;
  bucket: number;
  /** The daily records as they are kept, in the order of days. */
  days: StoredDay[];
  /** What the usage slices add up to, by day; a day without slices is not in it. */
  folded: Map<Day, FoldedDay>;
  /** Usage slices read, pages counted one by one. */
  slices: number;
  /** Slice pages that hold late events; none for nearly all clients. */
  late: LatePage[];
  /** The client's packages, in the order of parts. */
  heads: PackageHead[];
  /** What could not be read of this client, and why; the rest is as far as it was read. */
  failure?: { error: unknown };
}

/** A client whose slices are not read to their end yet; plain JSON, so that another call can go on. */
export interface BegunClient {
  clientId: string;
  bucket: number;
  /** The sort key of the last slice that was read. */
  after: string;
  /** What was folded so far, by day. */
  folded: [Day, FoldedDay][];
  slices: number;
  late: LatePage[];
}

/** How clients are read. */
export interface ReadingOptions {
  /** Leaves usage slices out: nothing is folded. */
  withoutSlices?: boolean;
  /** Goes on with this client, which is the first of the range. */
  begun?: BegunClient | undefined;
  /** Asked where a page of slices ends within a client; once it says so, reading stops there. */
  isShortOfTime?: () => boolean;
}

/** A client, or how far one has come where time ran short in the midst of it. */
export type ReadClient = { records: ClientRecords } | { begun: BegunClient };

/** The tables that {@link readClients} reads. */
export type ClientTables = TablesWith<'usageSlices' | 'dailyRecords' | 'packages'>;

/** Sorts before every key. */
const BEFORE_EVERYTHING = ' ';

/**
 * Reads everything of a stretch of clients, one client after the other, in the order of their ids: daily records, usage
 * slices and package heads are three sorted streams, read side by side and joined. Slices are folded as they come, so
 * memory is bound by the pages in flight and one client's days, however much there is.
 */
export async function* readClients(
  tables: ClientTables,
  periodId: PeriodId,
  range: ClientRange,
): AsyncGenerator<ClientRecords> {
  for await (const read of readClientsInTime(tables, periodId, range)) {
    if (!('records' in read)) continue;
    if (read.records.failure) throw read.records.failure.error;
    yield read.records;
  }
}

/**
 * The same for a worker whose time is limited, and which goes on with the others where a client cannot be read: that
 * one has a `failure`.
 */
export async function* readClientsInTime(
  tables: ClientTables,
  periodId: PeriodId,
  range: ClientRange,
  { withoutSlices = false, begun, isShortOfTime = () => false }: ReadingOptions = {},
): AsyncGenerator<ReadClient> {
  const query = queryOf(periodPartition(periodId, range.bucket), range, begun?.after);
  const days = new ItemStream(queryPages(tables.client, query(tables.dailyRecords, '')), '');
  const slicePages = withoutSlices
    ? nothing()
    : queryPages(tables.client, { ...query(tables.usageSlices, '', begun?.after), ...SLICE_PROJECTION });
  const slices = new ItemStream(slicePages, '');
  const heads = new ItemStream(queryPages(tables.client, query(tables.packages, headPrefix())), headPrefix());
  const streams = [days, slices, heads];
  await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    const clientId = firstClient(streams);
    if (clientId === undefined) return;
    const before = begun?.clientId === clientId ? begun : undefined;
    const records: ClientRecords = {
      clientId,
      bucket: range.bucket,
      days: [],
      folded: new Map(),
      slices: before?.slices ?? 0,
      late: [...(before?.late ?? [])],
      heads: [],
    };
    const guarded = guardOf(records);
    const dayItems: RawItem[] = [];
    await days.takeAll(clientId, (item) => dayItems.push(item));
    guarded(() => records.days.push(...dailyRecordsOf(dayItems)));
    const folds = new Map(before?.folded.map(([day, folded]) => [day, new DayFold(folded)]));
    const after = await slices.takeAll(
      clientId,
      (item) => {
        records.slices += 1;
        guarded(addSlice, folds, item);
        if (item.late) guarded(addLate, records.late, item);
      },
      isShortOfTime,
    );
    for (const [day, fold] of folds) records.folded.set(day, fold.result());
    if (after !== undefined) {
      const { slices: read, late, folded } = records;
      yield { begun: { clientId, bucket: range.bucket, after, folded: [...folded], slices: read, late } };
      return;
    }
    // Written as packageHeadItem, read back as the same.
    await heads.takeAll(clientId, (item) => guarded(() => records.heads.push(packageHeadOf(unmarshall(item)))));
    yield { records };
  }
}

function addLate(late: LatePage[], item: RawItem): void {
  late.push(latePageOf(item));
}

/** Keeps what went wrong first with a client, so that its streams are read on to the next one. */
function guardOf(records: ClientRecords) {
  return <Arguments extends unknown[]>(work: (...given: Arguments) => void, ...given: Arguments): void => {
    try {
      work(...given);
    } catch (error) {
      records.failure ??= { error };
    }
  };
}

async function* nothing(): AsyncGenerator<RawItem[]> {}

/** One sorted stream of items, a client's after the other's. */
class ItemStream {
  clientId: string | undefined;
  readonly #pages: AsyncGenerator<RawItem[]>;
  readonly #prefix: string;
  #page: RawItem[] = [];
  #index = -1;

  constructor(pages: AsyncGenerator<RawItem[]>, prefix: string) {
    this.#pages = pages;
    this.#prefix = prefix;
  }

  /** Goes to the next item; waits only where a page ends. */
  next(): Promise<void> | undefined {
    this.#index += 1;
    if (this.#index < this.#page.length) {
      this.#readClient();
      return undefined;
    }
    return this.#nextPage();
  }

  /**
   * Hands over all items of a client, if the stream stands there.
   * @param isShortOfTime asked where a page ends
   * @returns the key of the last item that was handed over where time ran short before the client's end
   */
  async takeAll(
    clientId: string,
    use: (item: RawItem) => void,
    isShortOfTime: () => boolean = () => false,
  ): Promise<string | undefined> {
    while (this.clientId === clientId) {
      const item = this.#item;
      use(item);
      const waiting = this.next();
      if (!waiting) continue;
      await waiting;
      if (this.clientId === clientId && isShortOfTime()) return textOf(item, 'sk');
    }
    return undefined;
  }

  get #item(): RawItem {
    return this.#page[this.#index] ?? {};
  }

  async #nextPage(): Promise<void> {
    const { value, done } = await this.#pages.next();
    this.#page = done ? [] : value;
    this.#index = 0;
    if (done) this.clientId = undefined;
    else this.#readClient();
  }

  #readClient(): void {
    const key = textOf(this.#item, 'sk');
    this.clientId = clientOfKey(key.slice(this.#prefix.length));
  }
}

function firstClient(streams: readonly ItemStream[]): string | undefined {
  let first: string | undefined;
  for (const { clientId } of streams) {
    if (clientId !== undefined && (first === undefined || clientId < first)) first = clientId;
  }
  return first;
}

function addSlice(folds: Map<Day, DayFold>, item: RawItem): void {
  const day = dayOfKey(textOf(item, 'sk'));
  let fold = folds.get(day);
  if (!fold) {
    fold = new DayFold();
    folds.set(day, fold);
  }
  fold.add(sliceUsageOf(item));
}

/** Consistent: what a run decides rests on what was counted and sent just before. */
function queryOf(partition: string, range: ClientRange, begunAfter: string | undefined) {
  const after = (clientId: string) => clientPrefix(clientId) + AFTER_EVERYTHING;
  const bounds = (prefix: string): [from: string, to: string] => {
    if (range.only !== undefined) return [prefix + clientPrefix(range.only), prefix + after(range.only)];
    const begun = begunAfter === undefined ? undefined : clientPrefix(clientOfKey(begunAfter));
    const start = range.after === undefined ? prefix || BEFORE_EVERYTHING : prefix + after(range.after);
    return [
      begun === undefined ? start : prefix + begun,
      prefix + (range.upTo === undefined ? AFTER_EVERYTHING : after(range.upTo)),
    ];
  };
  return (table: string, prefix: string, afterKey?: string): QueryCommandInput => {
    const [start, to] = bounds(prefix);
    // No key continues another one with a space.
    const from = afterKey === undefined ? start : afterKey + BEFORE_EVERYTHING;
    return {
      TableName: table,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': { S: partition }, ':from': { S: from }, ':to': { S: to } },
    };
  };
}

/**
 * Reads the whole books of one bucket's clients, one client after the other: daily records, heads and every revision. A
 * client of which only documents are left is yielded too.
 */
export async function* readBooks(
  tables: ClientTables,
  periodId: PeriodId,
  bucket: number,
): AsyncGenerator<ClientBooks> {
  const documents = revisionsByClient(tables, periodId, bucket);
  let next = await documents.next();
  for await (const { clientId, days, heads } of readClients(tables, periodId, { bucket })) {
    while (!next.done && next.value.clientId < clientId) {
      yield { ...next.value, days: [], heads: [] };
      next = await documents.next();
    }
    const isSame = !next.done && next.value.clientId === clientId;
    const revisions = isSame && !next.done ? next.value.revisions : [];
    if (isSame) next = await documents.next();
    yield { clientId, days, heads, revisions };
  }
  for (; !next.done; next = await documents.next()) yield { ...next.value, days: [], heads: [] };
}

async function* revisionsByClient(
  tables: ClientTables,
  periodId: PeriodId,
  bucket: number,
): AsyncGenerator<{ clientId: string; revisions: PackageRevision[] }> {
  let open: { clientId: string; revisions: PackageRevision[] } | undefined;
  const query = {
    TableName: tables.packages,
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':pk': { S: periodPartition(periodId, bucket) },
      ':from': { S: documentPrefix() },
      ':to': { S: documentPrefix() + AFTER_EVERYTHING },
    },
  };
  for await (const items of queryPages(tables.client, query)) {
    for (const item of items) {
      const revision = packageRevisionOf(unmarshall(item));
      if (open && open.clientId !== revision.clientId) {
        yield open;
        open = undefined;
      }
      open ??= { clientId: revision.clientId, revisions: [] };
      open.revisions.push(revision);
    }
  }
  if (open) yield open;
}
