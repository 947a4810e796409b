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
}

/** The tables that {@link readClients} reads. */
export type ClientTables = TablesWith<'usageSlices' | 'dailyRecords' | 'packages'>;

/** Sorts before every key. */
const BEFORE_EVERYTHING = ' ';

/**
 * Reads everything of a stretch of clients, one client after the other, in the order of their ids: daily records, usage
 * slices and package heads are three sorted streams, read side by side and joined. Slices are folded as they come, so memory
 * is bound by the pages in flight and one client's days, however much there is.
 */
export async function* readClients(
  tables: ClientTables,
  periodId: PeriodId,
  range: ClientRange,
): AsyncGenerator<ClientRecords> {
  const query = queryOf(periodPartition(periodId, range.bucket), range);
  const days = new ItemStream(queryPages(tables.client, query(tables.dailyRecords, '')), '');
  const slices = new ItemStream(
    queryPages(tables.client, { ...query(tables.usageSlices, ''), ...SLICE_PROJECTION }),
    '',
  );
  const heads = new ItemStream(queryPages(tables.client, query(tables.packages, headPrefix())), headPrefix());
  const streams = [days, slices, heads];
  await Promise.all(streams.map((stream) => stream.next()));
  for (;;) {
    const clientId = firstClient(streams);
    if (clientId === undefined) return;
    const records: ClientRecords = {
      clientId,
      bucket: range.bucket,
      days: [],
      folded: new Map(),
      slices: 0,
      late: [],
      heads: [],
    };
    const dayItems: RawItem[] = [];
    await days.takeAll(clientId, (item) => dayItems.push(item));
    records.days = dailyRecordsOf(dayItems);
    const folds = new Map<Day, DayFold>();
    await slices.takeAll(clientId, (item) => {
      records.slices += 1;
      addSlice(folds, item);
      if (item.late) records.late.push(latePageOf(item));
    });
    for (const [day, fold] of folds) records.folded.set(day, fold.result());
    // Written as packageHeadItem, read back as the same.
    await heads.takeAll(clientId, (item) => records.heads.push(packageHeadOf(unmarshall(item))));
    yield records;
  }
}

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

  /** Hands over all items of a client, if the stream stands there. */
  async takeAll(clientId: string, use: (item: RawItem) => void): Promise<void> {
    while (this.clientId === clientId) {
      use(this.#item);
      const waiting = this.next();
      if (waiting) await waiting;
    }
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
function queryOf(partition: string, range: ClientRange) {
  const after = (clientId: string) => clientPrefix(clientId) + AFTER_EVERYTHING;
  const bounds = (prefix: string): [from: string, to: string] => {
    if (range.only !== undefined) return [prefix + clientPrefix(range.only), prefix + after(range.only)];
    return [
      range.after === undefined ? prefix || BEFORE_EVERYTHING : prefix + after(range.after),
      prefix + (range.upTo === undefined ? AFTER_EVERYTHING : after(range.upTo)),
    ];
  };
  return (table: string, prefix: string): QueryCommandInput => {
    const [from, to] = bounds(prefix);
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
