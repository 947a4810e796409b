import { createHash } from 'node:crypto';
import { type AttributeValue, ConditionalCheckFailedException, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { quantityOf } from '../decimal/meter-sums.ts';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { FoldedDay, FoldedSlices } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import type { MeterTotals } from '../usage/records.ts';
import { documentClientOf } from './document-client.ts';
import {
  dailyRecordKey,
  dayOfKey,
  isTotalsPage,
  keyAttributes,
  type PrimaryKey,
  totalsPageKey,
  totalsPageSort,
} from './keys.ts';
import { numberOf, PAGE_LENGTH, type RawItem, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** A daily record as it is kept. */
export interface StoredDay extends FoldedDay {
  day: Day;
}

/** A daily record names pages that are not there. */
export class DailyRecordIncomplete extends HalfmonthError {
  readonly code = 'DAILY_RECORD_INCOMPLETE';

  constructor(key: string, expected: number, found: number) {
    super(
      `Daily record ${key} has ${expected} pages of meters, and ${found} are there. If it was written a moment ago, try again; ` +
        'else restore the daily records table from a backup.',
    );
  }
}

/** What DynamoDB counts for a member of a map besides its name and its value. */
const BYTES_PER_METER = 4;

/** A day's totals in pages; nearly every day has one, which stands in the record itself. */
export interface TotalsPages {
  /** What goes into an item, page by page: `totals`, and `lastingTotals` where the day has any. */
  pages: RawItem[];
  /** Names these very totals: pages are written under it before the record names it, and never changed. */
  fold: string;
}

/** Cuts a day's totals into pages that an item can hold, in the order of meters. */
export function totalsPagesOf({ totals, lasting }: FoldedDay): TotalsPages {
  const entries = Object.entries(totals)
    .map(([meter, quantity]) => [meter, quantity, quantityOf(lasting?.totals, meter)] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  const cut: (typeof entries)[] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    const [meter, ...quantities] = entry;
    const added = quantities.reduce(
      (sum, quantity) => sum + (quantity === undefined ? 0 : meter.length + quantity.length + BYTES_PER_METER),
      0,
    );
    if (bytes + added > PAGE_LENGTH) {
      cut.push([]);
      bytes = 0;
    }
    cut.at(-1)?.push(entry);
    bytes += added;
  }
  const fold = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 32);
  const mapOf = (members: [string, string | undefined][]) => ({
    M: Object.fromEntries(members.flatMap(([meter, S]) => (S === undefined ? [] : [[meter, { S }]]))),
  });
  const pages = cut.map((page) => ({
    totals: mapOf(page.map(([meter, quantity]) => [meter, quantity])),
    ...(lasting ? { lastingTotals: mapOf(page.map(([meter, , quantity]) => [meter, quantity])) } : {}),
  }));
  return { pages, fold };
}

/**
 * The daily records in one client's items. Pages that no record names are what an earlier fold left.
 * @throws DailyRecordIncomplete
 */
export function dailyRecordsOf(items: readonly RawItem[]): StoredDay[] {
  const pages = new Map<string, RawItem>();
  const records: RawItem[] = [];
  for (const item of items) {
    const key = textOf(item, 'sk');
    if (isTotalsPage(key)) pages.set(key, item);
    else records.push(item);
  }
  return records.map((item) => dailyRecordOf(item, pages));
}

/** Whether a record's totals stand in pages of their own. */
export function hasPages(item: RawItem): boolean {
  return item.events !== undefined && item.totals === undefined;
}

function dailyRecordOf(item: RawItem, pages: ReadonlyMap<string, RawItem>): StoredDay {
  const key = textOf(item, 'sk');
  const parts = hasPages(item) ? pagesOfRecord(item, key, pages) : [item];
  return {
    day: dayOfKey(key),
    totals: totalsOf(parts.map(({ totals }) => totals)),
    events: numberOf(item, 'events', 0),
    ...(item.firstEventAt?.S ? { firstEventAt: item.firstEventAt.S } : {}),
    ...(item.lastEventAt?.S ? { lastEventAt: item.lastEventAt.S } : {}),
    ...(item.lastingEvents ? { lasting: lastingOf(item, parts) } : {}),
  };
}

function totalsOf(maps: (AttributeValue | undefined)[]): MeterTotals {
  return Object.fromEntries(
    maps.flatMap((map) => Object.entries(map?.M ?? {}).map(([meter, { S = '0' }]) => [meter, S])),
  );
}

/**
 * The lasting part of the totals. One that an earlier version of this code left beside other totals is as good as
 * unknown.
 */
function lastingOf(item: RawItem, parts: readonly RawItem[]): FoldedSlices {
  if (item.lastingOf?.N !== item.events?.N) return { totals: {}, events: Number.POSITIVE_INFINITY };
  return {
    totals: totalsOf(parts.map(({ lastingTotals }) => lastingTotals)),
    events: numberOf(item, 'lastingEvents', 0),
  };
}

function pagesOfRecord(item: RawItem, key: string, pages: ReadonlyMap<string, RawItem>): RawItem[] {
  const count = numberOf(item, 'pages', 0);
  const found: RawItem[] = [];
  for (let page = 0; page < count; page++) {
    const kept = pages.get(totalsPageSort(key, item.fold?.S ?? '', page));
    if (kept) found.push(kept);
  }
  if (found.length < count) throw new DailyRecordIncomplete(key, count, found.length);
  return found;
}

/** A day's record has come to hold more events than this fold of it: another worker has read its slices later. */
export class DailyRecordOutrun extends HalfmonthError {
  readonly code = 'DAILY_RECORD_OUTRUN';

  constructor(clientId: string, day: Day) {
    super(`The daily record of ${clientId} on ${day} was folded anew by another worker. The step may be run again.`);
  }
}

/** Daily records as packaging writes them. */
export class DailyRecordWriter {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, dailyRecords }: TablesWith<'dailyRecords'>) {
    this.#documents = documentClientOf(client);
    this.#table = dailyRecords;
  }

  /**
   * Writes what a day's slices add up to; what counting keeps in the record stays. Meters that one item cannot hold go
   * into pages, which are written first, so that the record changes as a whole.
   * @throws DailyRecordOutrun when the record holds more events: a count of events never shrinks
   */
  async write(clientId: string, day: Day, folded: FoldedDay): Promise<void> {
    const { events, firstEventAt, lastEventAt } = folded;
    const { pages, fold } = totalsPagesOf(folded);
    const isPaged = pages.length > 1;
    for (const [page, totals] of isPaged ? pages.entries() : []) {
      await this.#update(totalsPageKey(clientId, day, fold, page), totals);
    }
    const own = isPaged ? undefined : pages[0];
    const fields = {
      clientId: { S: clientId },
      day: { S: day },
      totals: own?.totals,
      lastingTotals: own?.lastingTotals,
      lastingEvents: folded.lasting && { N: String(folded.lasting.events) },
      // Tells whether the last writer of the totals knew of the lasting part.
      lastingOf: folded.lasting && { N: String(events) },
      events: { N: String(events) },
      firstEventAt: firstEventAt === undefined ? undefined : { S: firstEventAt },
      lastEventAt: lastEventAt === undefined ? undefined : { S: lastEventAt },
      pages: isPaged ? { N: String(pages.length) } : undefined,
      fold: isPaged ? { S: fold } : undefined,
    };
    try {
      await this.#update(dailyRecordKey(clientId, day), fields, 'attribute_not_exists(#events) OR #events <= :events');
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) throw new DailyRecordOutrun(clientId, day);
      throw error;
    }
  }

  /** Sets what is given, and takes away what is undefined. */
  async #update(
    { pk, sk }: PrimaryKey,
    fields: Record<string, AttributeValue | undefined>,
    condition?: string,
  ): Promise<void> {
    const names = Object.keys(fields);
    const values = Object.entries(fields).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined);
    const removed = names.filter((name) => fields[name] === undefined);
    const assignments = values.map(([name]) => `#${name} = :${name}`).join(', ');
    const removals = removed.length === 0 ? '' : ` REMOVE ${removed.map((name) => `#${name}`).join(', ')}`;
    await this.#documents.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: keyAttributes({ pk, sk }),
        UpdateExpression: `SET ${assignments}${removals}`,
        ...(condition === undefined ? {} : { ConditionExpression: condition }),
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: Object.fromEntries(values.map(([name, value]) => [`:${name}`, value])),
      }),
    );
  }
}
