import { createHash } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { FoldedDay } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import type { MeterTotals } from '../usage/records.ts';
import { dailyRecordKey, SEPARATOR } from './keys.ts';
import { numberOf, type RawItem, textOf } from './query-pages.ts';
import { PAGE_LENGTH } from './text-pages.ts';

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
const DAY_LENGTH = 'YYYY-MM-DD'.length;

/** A day's totals in pages; nearly every day has one, which stands in the record itself. */
export interface TotalsPages {
  pages: Record<string, AttributeValue>[];
  /** Names these very totals: pages are written under it before the record names it, and never changed. */
  fold: string;
}

/** Cuts totals into pages that an item can hold, in the order of meters. */
export function totalsPagesOf(totals: MeterTotals): TotalsPages {
  const entries = Object.entries(totals).sort(([one], [other]) => (one < other ? -1 : 1));
  const pages: [string, AttributeValue][][] = [[]];
  let bytes = 0;
  for (const [meter, quantity] of entries) {
    const added = meter.length + quantity.length + BYTES_PER_METER;
    if (bytes + added > PAGE_LENGTH) {
      pages.push([]);
      bytes = 0;
    }
    pages.at(-1)?.push([meter, { S: quantity }]);
    bytes += added;
  }
  const fold = createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 32);
  return { pages: pages.map((page) => Object.fromEntries(page)), fold };
}

/** The key of a page that does not stand in its record: it sorts behind the record and before the next day's. */
export function totalsPageKey(clientId: string, day: Day, fold: string, page: number): { pk: string; sk: string } {
  const { pk, sk } = dailyRecordKey(clientId, day);
  return { pk, sk: [sk, fold, pageNumber(page)].join(SEPARATOR) };
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
    if (key.length - key.indexOf(SEPARATOR) - 1 > DAY_LENGTH) pages.set(key, item);
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
  const totals = (hasPages(item) ? pagesOfRecord(item, key, pages) : [item]).flatMap((page) =>
    Object.entries(page.totals?.M ?? {}).map(([meter, { S = '0' }]) => [meter, S]),
  );
  return {
    day: key.slice(key.indexOf(SEPARATOR) + 1),
    totals: Object.fromEntries(totals),
    events: numberOf(item, 'events', 0),
    ...(item.firstEventAt?.S ? { firstEventAt: item.firstEventAt.S } : {}),
    ...(item.lastEventAt?.S ? { lastEventAt: item.lastEventAt.S } : {}),
  };
}

function pagesOfRecord(item: RawItem, key: string, pages: ReadonlyMap<string, RawItem>): RawItem[] {
  const count = numberOf(item, 'pages', 0);
  const found: RawItem[] = [];
  for (let page = 0; page < count; page++) {
    const kept = pages.get([key, item.fold?.S, pageNumber(page)].join(SEPARATOR));
    if (kept) found.push(kept);
  }
  if (found.length < count) throw new DailyRecordIncomplete(key, count, found.length);
  return found;
}

function pageNumber(page: number): string {
  return String(page).padStart(4, '0');
}
