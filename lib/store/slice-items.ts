import { normalize } from '../decimal/decimal.ts';
import type { SliceUsage } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import type { LateEvent } from '../usage/records.ts';
import { SEPARATOR } from './keys.ts';
import { lateEventOf } from './late-items.ts';
import { numberOf, type RawItem, textOf } from './query-pages.ts';

/** All of a usage slice but the identities of its events, which only counting needs. */
export const SLICE_PROJECTION = {
  ProjectionExpression: 'sk, totals, events, firstEventAt, lastEventAt, lasting, late, latePeriod, #version',
  ExpressionAttributeNames: { '#version': 'version' },
};

/** The day in the key of a usage slice. */
export function dayOfSlice(sortKey: string): Day {
  const start = sortKey.indexOf(SEPARATOR) + 1;
  return sortKey.slice(start, start + 10);
}

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

/** What a usage slice adds to its day. */
export function sliceUsageOf(item: RawItem): SliceUsage {
  const totals = Object.entries(item.totals?.M ?? {}).map(([meter, { N = '0' }]) => [meter, normalize(N)] as const);
  return {
    totals,
    events: numberOf(item, 'events', 0),
    firstEventAt: item.firstEventAt?.S,
    lastEventAt: item.lastEventAt?.S,
    isLasting: item.lasting?.BOOL,
  };
}
