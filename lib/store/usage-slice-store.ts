import { ConditionalCheckFailedException, type DynamoDBClient, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { bytesOfIdentity, identityOfBytes } from '../events/identity.ts';
import type { BillingCalendar, Day } from '../periods/days.ts';
import { IdentitySet } from '../usage/identity-set.ts';
import type { PageChange, SliceId, SlicePage } from '../usage/slice-page.ts';
import type { ChangeOutcome, LateEntry, PageId, UsageSlices } from '../usage/usage-slices.ts';
import { EXPIRY_MARGIN_DAYS } from '../usage/usage-slices.ts';
import {
  AFTER_EVERYTHING,
  keyAttributes,
  type PrimaryKey,
  pageOfKey,
  usageSliceKey,
  usageSlicePrefix,
} from './keys.ts';
import { batchGet, numberOf, queryPages, type RawItem, textOf } from './pages.ts';
import { identityOfLateItem, lateItemsOf, valueAttributesOf, valuesOfItem } from './slice-items.ts';
import type { TablesWith } from './tables.ts';

const SECONDS_PER_DAY = 86_400;

/** By which calendar slices are kept, and for how long. */
export interface UsageSliceStoreOptions {
  calendar: BillingCalendar;
  /** The age in days up to which events are accepted. */
  eventMaxAgeDays: number;
}

/** The usage slices table as counting sees it: pages are read, and changed against their version. */
export class UsageSliceStore implements UsageSlices {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #calendar: BillingCalendar;
  readonly #livesSeconds: number;
  readonly #expiryByDay = new Map<Day, string>();

  constructor(
    { client, usageSlices }: TablesWith<'usageSlices'>,
    { calendar, eventMaxAgeDays }: UsageSliceStoreOptions,
  ) {
    this.#client = client;
    this.#table = usageSlices;
    this.#calendar = calendar;
    this.#livesSeconds = (eventMaxAgeDays + EXPIRY_MARGIN_DAYS) * SECONDS_PER_DAY;
  }

  async loadPages(pages: readonly PageId[]): Promise<Map<PageId, SlicePage>> {
    const wanted = new Map(pages.map((page) => [keyOf(page, page.page).sk, page]));
    // Not consistent, at half the price: a stale page loses its compare-and-set and is then seen as it is.
    const keys = pages.map((page) => keyOf(page, page.page));
    const found = new Map<PageId, SlicePage>();
    for (const item of await batchGet(this.#client, this.#table, keys)) {
      const page = wanted.get(textOf(item, 'sk'));
      if (page) found.set(page, pageOf(item));
    }
    return found;
  }

  async loadFrom(slice: SliceId, fromPage: number): Promise<SlicePage[]> {
    const { pk, sk } = keyOf(slice, fromPage);
    const last = usageSlicePrefix(slice.clientId, slice.day, slice.slice) + AFTER_EVERYTHING;
    const query = {
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: sk }, ':to': { S: last } },
    };
    const pages: SlicePage[] = [];
    for await (const items of queryPages(this.#client, query)) pages.push(...items.map(pageOf));
    return pages;
  }

  async change(slice: SliceId, { events, after }: PageChange, late?: LateEntry): Promise<ChangeOutcome> {
    return this.#update(slice, after.number, after.version, {
      sets: { ...attributesOf(after), ...(after.lasting ? {} : { expiresAt: { N: this.#expiryOf(slice.day) } }) },
      identities: events.map(({ identity }) => bytesOfIdentity(identity)),
      late,
    });
  }

  async markLate(slice: SliceId, page: SlicePage, late: LateEntry): Promise<ChangeOutcome> {
    return this.#update(slice, page.number, page.version + 1, { sets: {}, identities: [], late });
  }

  /** One conditional UpdateItem: all of it takes place, or nothing. */
  async #update(
    slice: SliceId,
    page: number,
    version: number,
    { sets, identities, late }: { sets: RawItem; identities: Uint8Array[]; late: LateEntry | undefined },
  ): Promise<ChangeOutcome> {
    const values: RawItem = { ...sets, version: { N: String(version) } };
    const assignments = Object.keys(values).map((name) => `#${name} = :${name}`);
    if (late) {
      values.latePeriod = { S: late.period };
      values.newLate = { L: lateItemsOf(late) };
      values.noLate = { L: [] };
      assignments.push('#latePeriod = :latePeriod', '#late = list_append(if_not_exists(#late, :noLate), :newLate)');
    }
    if (identities.length > 0) values.identities = { BS: identities };
    if (version > 1) values.known = { N: String(version - 1) };
    const names = [...Object.keys(sets), 'version', ...(late ? ['late', 'latePeriod'] : [])];
    if (identities.length > 0) names.push('identities');
    try {
      await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: keyAttributes(keyOf(slice, page)),
          UpdateExpression: `SET ${assignments.join(', ')}${identities.length > 0 ? ' ADD #identities :identities' : ''}`,
          ConditionExpression: version > 1 ? '#version = :known' : 'attribute_not_exists(#version)',
          ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
          ExpressionAttributeValues: Object.fromEntries(
            Object.entries(values).map(([name, value]) => [`:${name}`, value]),
          ),
          // The page as it is comes with the refusal, without a read.
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return { changed: true };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return { changed: false, current: error.Item ? pageOf(error.Item) : undefined };
    }
  }

  #expiryOf(day: Day): string {
    let expiry = this.#expiryByDay.get(day);
    if (expiry === undefined) {
      expiry = String(Math.ceil(this.#calendar.endOfDay(day) / 1000) + this.#livesSeconds);
      if (this.#expiryByDay.size > 400) this.#expiryByDay.clear();
      this.#expiryByDay.set(day, expiry);
    }
    return expiry;
  }
}

function keyOf({ clientId, day, slice }: SliceId, page: number): PrimaryKey {
  return usageSliceKey(clientId, day, slice, page);
}

/** What a page's item says besides its identities, which are only ever added. */
function attributesOf(page: SlicePage): RawItem {
  return {
    ...valueAttributesOf(page.totals),
    events: { N: String(page.identities.size) },
    firstEventAt: { S: new Date(page.firstEventAt).toISOString() },
    lastEventAt: { S: new Date(page.lastEventAt).toISOString() },
    countedAt: { N: String(page.countedAt) },
    ...(page.sealed ? { sealed: { BOOL: true } } : {}),
    ...(page.lasting ? { lasting: { BOOL: true } } : {}),
    ...(page.changeId === undefined ? {} : { changeId: { S: page.changeId } }),
  };
}

function pageOf(item: RawItem): SlicePage {
  const sortKey = textOf(item, 'sk');
  return {
    number: pageOfKey(sortKey),
    version: numberOf(item, 'version', 0),
    sealed: item.sealed?.BOOL === true,
    identities: IdentitySet.of((item.identities?.BS ?? []).map(identityOfBytes)),
    totals: new Map(valuesOfItem(item)),
    firstEventAt: Date.parse(textOf(item, 'firstEventAt')),
    lastEventAt: Date.parse(textOf(item, 'lastEventAt')),
    countedAt: numberOf(item, 'countedAt', 0),
    late: new Set((item.late?.L ?? []).map(identityOfLateItem)),
    lasting: item.lasting?.BOOL === true,
    changeId: item.changeId?.S,
  };
}
