import type { FoldedDay } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import { SEPARATOR } from './keys.ts';
import { numberOf, type RawItem, textOf } from './query-pages.ts';

/** A daily record as it is kept. */
export interface StoredDay extends FoldedDay {
  day: Day;
}

/** The daily record in an item. */
export function dailyRecordOf(item: RawItem): StoredDay {
  const key = textOf(item, 'sk');
  const totals = Object.entries(item.totals?.M ?? {}).map(([meter, { S = '0' }]) => [meter, S]);
  return {
    day: key.slice(key.indexOf(SEPARATOR) + 1),
    totals: Object.fromEntries(totals),
    events: numberOf(item, 'events', 0),
    ...(item.firstEventAt?.S ? { firstEventAt: item.firstEventAt.S } : {}),
    ...(item.lastEventAt?.S ? { lastEventAt: item.lastEventAt.S } : {}),
  };
}
