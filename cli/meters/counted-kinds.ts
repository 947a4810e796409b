import pLimit from 'p-limit';
import { MAXIMUM_AHEAD_MILLISECONDS } from '../../lib/events/consumption-event.ts';
import { kindOfMeasure, type MeterKind, meterOfMeasure } from '../../lib/meters/measure.ts';
import { nextPeriod, type PeriodId, periodIdOfDay } from '../../lib/periods/periods.ts';
import { readClients } from '../../lib/store/client-reader.ts';
import { readControlTotal } from '../../lib/store/control-total-store.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { meterGroupOf } from '../../lib/usage/control-total.ts';
import { EXPIRY_MARGIN_DAYS } from '../../lib/usage/usage-slices.ts';
import type { Cloud } from '../connection/cloud.ts';

const MILLISECONDS_PER_DAY = 86_400_000;
const BUCKETS_AT_ONCE = 4;

/** The kinds by which each meter has been counted. */
type CountedKinds = Map<string, Set<MeterKind>>;

/**
 * By which kinds meters have been counted in the periods that may still get events. Those before them keep what they
 * say, whatever a meter becomes. Control totals answer at once for a period in which nothing of a sum was counted; else
 * all usage of the period is read.
 * @param expected the kind that each is believed to have
 */
export async function kindsCountedOf(
  cloud: Cloud,
  expected: ReadonlyMap<string, MeterKind>,
): Promise<ReadonlyMap<string, ReadonlySet<MeterKind>>> {
  const found: CountedKinds = new Map();
  for (const periodId of openPeriods(cloud)) {
    const control = await readControlTotal(cloud.tables, periodId);
    const isIn = (name: string) => control.groups.has(meterGroupOf(name)) || control.unsureEvents > 0;
    const wanted = [...expected].filter(([name, kind]) => !control.isWhole || kind !== 'sum' || isIn(name));
    if (wanted.length > 0) await addKindsOf(cloud, periodId, new Set(wanted.map(([name]) => name)), found);
  }
  return found;
}

async function addKindsOf(
  { tables }: Cloud,
  periodId: PeriodId,
  wanted: ReadonlySet<string>,
  found: CountedKinds,
): Promise<void> {
  const limit = pLimit(BUCKETS_AT_ONCE);
  const buckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
  await limit.map(buckets, async (bucket) => {
    for await (const { days, folded } of readClients(tables, periodId, { bucket })) {
      for (const { totals } of [...days, ...folded.values()]) {
        for (const measure of Object.keys(totals)) {
          const meter = meterOfMeasure(measure);
          if (!wanted.has(meter)) continue;
          const kinds = found.get(meter) ?? new Set();
          found.set(meter, kinds.add(kindOfMeasure(measure)));
        }
      }
    }
  });
}

/** Every period that an event may still reach, the oldest first. */
function openPeriods({ calendar, outputs }: Cloud): PeriodId[] {
  const now = Date.now();
  const oldest = now - (Number(outputs.EventMaxAgeDays) + EXPIRY_MARGIN_DAYS) * MILLISECONDS_PER_DAY;
  const newest = periodIdOfDay(calendar.dayOf(now + MAXIMUM_AHEAD_MILLISECONDS));
  const periods: PeriodId[] = [];
  // Periods compare as text.
  for (let period = periodIdOfDay(calendar.dayOf(oldest)); period <= newest; period = nextPeriod(period).id) {
    periods.push(period);
  }
  return periods;
}
