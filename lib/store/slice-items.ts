import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { normalize } from '../decimal/decimal.ts';
import { hexOfIdentity, type Identity } from '../events/identity.ts';
import { kindOfMeasure, type Measure, type MeasureValue, type MeterKind } from '../meters/measure.ts';
import type { SliceUsage } from '../packages/day-fold.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { LateEvent } from '../usage/records.ts';
import type { LateEntry } from '../usage/usage-slices.ts';
import { AFTER_EVERYTHING, clientPrefix, keyAttributes, type PrimaryKey } from './keys.ts';
import { numberOf, queryPages, type RawItem, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** All of a usage slice but the identities of its events, which only counting needs. */
export const SLICE_PROJECTION = {
  ProjectionExpression:
    'sk, totals, latestValues, events, firstEventAt, lastEventAt, lasting, late, latePeriod, #version',
  ExpressionAttributeNames: { '#version': 'version' },
};

/** A page of a usage slice with late events, as a run reads it. */
export interface LatePage {
  sortKey: string;
  version: number;
  /** Whether the index of late usage lists it. */
  isListed: boolean;
  events: LateEvent[];
}

/** @param item one that has late events */
export function latePageOf(item: RawItem): LatePage {
  return {
    sortKey: textOf(item, 'sk'),
    version: numberOf(item, 'version', 0),
    isListed: item.latePeriod !== undefined,
    events: lateEventsOf(item),
  };
}

/** The late events of a usage slice; nearly all have none. */
export function lateEventsOf(item: RawItem): LateEvent[] {
  return (item.late?.L ?? []).map(lateEventOf);
}

/**
 * What a usage slice has come to, as it is kept: numbers in `totals`; of `latest` texts in a map of their own, which a
 * version that knows only numbers leaves as they are.
 */
export function valueAttributesOf(values: Iterable<readonly [Measure, MeasureValue]>): RawItem {
  const totals: Record<string, AttributeValue> = {};
  let latest: Record<string, AttributeValue> | undefined;
  for (const [measure, value] of values) {
    if (kindOfMeasure(measure) === 'latest') {
      latest ??= {};
      latest[measure] = { S: value };
    } else totals[measure] = { N: value };
  }
  return { totals: { M: totals }, ...(latest ? { latestValues: { M: latest } } : {}) };
}

/** What {@link valueAttributesOf} wrote. */
export function valuesOfItem({ totals, latestValues }: RawItem): [Measure, MeasureValue][] {
  const values = Object.entries(totals?.M ?? {}).map(([measure, { N = '0' }]): [Measure, MeasureValue] => [
    measure,
    normalize(N),
  ]);
  for (const [measure, { S = '0' }] of Object.entries(latestValues?.M ?? {})) values.push([measure, S]);
  return values;
}

/** What a usage slice adds to its day. */
export function sliceUsageOf(item: RawItem): SliceUsage {
  return {
    totals: valuesOfItem(item),
    events: numberOf(item, 'events', 0),
    firstEventAt: item.firstEventAt?.S,
    lastEventAt: item.lastEventAt?.S,
    isLasting: item.lasting?.BOOL,
  };
}

/** Late events as the list attribute `late` of a usage slice holds them. */
export function lateItemsOf({ events, at }: LateEntry): AttributeValue[] {
  const countedAt = { S: new Date(at).toISOString() };
  return events.map(({ identity, meter, quantity, kind, instant }) => ({
    M: {
      identity: { S: hexOfIdentity(identity) },
      meter: { S: meter },
      quantity: { S: quantity },
      countedAt,
      eventTime: { S: new Date(instant).toISOString() },
      ...(kind === undefined ? {} : { kind: { S: kind } }),
    },
  }));
}

/** The late event in an element of the attribute `late`. */
export function lateEventOf({ M }: AttributeValue): LateEvent {
  const text = (name: keyof LateEvent) => M?.[name]?.S ?? '';
  return {
    identity: text('identity'),
    meter: text('meter'),
    quantity: text('quantity'),
    countedAt: text('countedAt'),
    eventTime: text('eventTime'),
    // Only lateItemsOf writes it.
    ...(M?.kind?.S === undefined ? {} : { kind: M.kind.S as MeterKind }),
  };
}

/** The identity in an element of the attribute `late`. */
export function identityOfLateItem(item: AttributeValue): Identity {
  return Buffer.from(lateEventOf(item).identity, 'hex').toString('latin1');
}

/** The late events of one page of a usage slice, as the index lists them. */
export interface ListedPage extends PrimaryKey {
  events: LateEvent[];
}

/**
 * The sparse index of slice pages with late events. Counting lists a page in the write that counts a late event; a page
 * leaves the index once the ledger says of each of its late events how it was billed, and is listed anew by the next
 * one.
 */
export class LatePages {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor({ client, usageSlices }: TablesWith<'usageSlices'>) {
    this.#client = client;
    this.#table = usageSlices;
  }

  /**
   * What the index lists of a period, as it was a moment ago, a query's answer (1 MB at most) at a time.
   * @param clientId only this client's
   */
  async *listed(periodId: PeriodId, clientId?: string): AsyncGenerator<ListedPage[]> {
    const prefix = clientId === undefined ? undefined : clientPrefix(clientId);
    const query = {
      TableName: this.#table,
      IndexName: 'lateUsage',
      KeyConditionExpression: `latePeriod = :period${prefix === undefined ? '' : ' AND sk BETWEEN :from AND :to'}`,
      ExpressionAttributeValues: {
        ':period': { S: periodId },
        ...(prefix === undefined ? {} : { ':from': { S: prefix }, ':to': { S: prefix + AFTER_EVERYTHING } }),
      },
    };
    for await (const items of queryPages(this.#client, query)) yield items.map(listedPageOf);
  }

  /**
   * Takes a page out of the index if it is what it was when it was read: an event that was counted in it since may be
   * late, and keeps it listed. The version stays, so counting is not disturbed and the same call again changes nothing.
   */
  async unlist({ pk, sk }: PrimaryKey, version: number): Promise<void> {
    try {
      await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: keyAttributes({ pk, sk }),
          UpdateExpression: 'REMOVE latePeriod',
          ConditionExpression: '#version = :version',
          ExpressionAttributeNames: { '#version': 'version' },
          ExpressionAttributeValues: { ':version': { N: String(version) } },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
}

function listedPageOf(item: RawItem): ListedPage {
  return { pk: textOf(item, 'pk'), sk: textOf(item, 'sk'), events: lateEventsOf(item) };
}
