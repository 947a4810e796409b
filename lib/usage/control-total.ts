import { add, compare, type Decimal, DecimalSum, negate } from '../decimal/decimal.ts';
import type { ConsumptionEvent } from '../events/consumption-event.ts';
import { isAdditiveKind, kindOfMeasure, meterOfMeasure } from '../meters/measure.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { MeterTotals } from './records.ts';

/** Meters are added up in this many groups, so that a control total stays small however many meters there are. */
const METER_GROUPS = 64;

/** A group of meters, `00` to `63`. A period with a few meters nearly always has each in a group of its own. */
export type MeterGroup = string;

/** What counting says of one group of meters. */
export interface ControlSum {
  /** The sum over all events that this side of the tables knows to be counted. */
  counted: Decimal;
  /** The sum of the magnitudes of those that may be counted or not: the tolerance of `counted`, on either side. */
  unsure: Decimal;
}

/**
 * What ingestion counted of one period, from its own batches and from no table that a run reads. An event that was
 * counted is in `counted` exactly once, or in `unsure`: a write that was not answered, or an instance that died in the
 * middle of a batch.
 */
export interface ControlTotal {
  events: number;
  /** Events that may be counted or not: `events` may be too low by this many. */
  unsureEvents: number;
  /** Groups without an event are absent. */
  groups: ReadonlyMap<MeterGroup, ControlSum>;
}

/** A control total, and whether it can speak for the whole period. */
export interface PeriodControl extends ControlTotal {
  /** False where an earlier version counted some of the period, or control totals were lost: it is a lower bound. */
  isWhole: boolean;
}

/** What one group of meters should be, and is. */
export interface ControlDifference {
  group: MeterGroup;
  /** The meters of the group that the tables hold. */
  meters: string[];
  /** At least and at most, by what ingestion counted. */
  expected: { least: Decimal; most: Decimal };
  actual: Decimal;
}

/** How the tables differ from what ingestion counted; `undefined` and empty when they agree. */
export interface ControlFinding {
  events: { least: number; most: number; actual: number } | undefined;
  groups: ControlDifference[];
}

/** The group of a meter: a 32-bit FNV-1a over its characters (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function meterGroupOf(meter: string): MeterGroup {
  let hash = 0x811c9dc5;
  for (let index = 0; index < meter.length; index++) hash = Math.imul(hash ^ meter.charCodeAt(index), 0x01000193);
  return String((hash >>> 0) % METER_GROUPS).padStart(2, '0');
}

/** Adds the control totals of instances up. */
export function sumOfControlTotals(totals: Iterable<ControlTotal>): ControlTotal {
  let events = 0;
  let unsureEvents = 0;
  const groups = new Map<MeterGroup, ControlSum>();
  for (const total of totals) {
    events += total.events;
    unsureEvents += total.unsureEvents;
    for (const [group, { counted, unsure }] of total.groups) {
      const known = groups.get(group) ?? { counted: '0', unsure: '0' };
      groups.set(group, { counted: add(known.counted, counted), unsure: add(known.unsure, unsure) });
    }
  }
  return { events, unsureEvents, groups };
}

/**
 * Holds what the tables say against what ingestion counted.
 * @param before read before the tables were
 * @param after read after them: what was counted meanwhile may be in the tables or not
 * @param actual what slices or days add up to
 */
export function holdAgainstControl(
  before: ControlTotal,
  after: ControlTotal,
  actual: { events: number; totals: MeterTotals },
): ControlFinding {
  const byGroup = new Map<MeterGroup, { meters: string[]; sum: DecimalSum }>();
  const groupOf = (group: MeterGroup) => {
    const known = byGroup.get(group) ?? { meters: [], sum: new DecimalSum() };
    byGroup.set(group, known);
    return known;
  };
  for (const [measure, quantity] of Object.entries(actual.totals)) {
    if (!isAdditiveKind(kindOfMeasure(measure))) continue;
    const { meters, sum } = groupOf(meterGroupOf(meterOfMeasure(measure)));
    meters.push(measure);
    sum.add(quantity);
  }
  for (const { groups } of [before, after]) for (const group of groups.keys()) groupOf(group);
  const differences = [...byGroup].flatMap(([group, { meters, sum }]) => {
    const expected = rangeOf(before.groups.get(group), after.groups.get(group));
    const found = sum.toString();
    const agrees = compare(expected.least, found) <= 0 && compare(found, expected.most) <= 0;
    return agrees ? [] : [{ group, meters, expected, actual: found }];
  });
  const events = { least: before.events, most: after.events + after.unsureEvents, actual: actual.events };
  return {
    events: events.least <= events.actual && events.actual <= events.most ? undefined : events,
    groups: differences.sort((one, other) => (one.group < other.group ? -1 : 1)),
  };
}

const NOTHING: ControlSum = { counted: '0', unsure: '0' };

/** Quantities may be negative, so what was counted between the two readings may lie on either side of them. */
function rangeOf(before = NOTHING, after = NOTHING): { least: Decimal; most: Decimal } {
  const ends = [before, after].flatMap(({ counted, unsure }) => [add(counted, negate(unsure)), add(counted, unsure)]);
  const sorted = ends.sort(compare);
  return { least: sorted[0] ?? '0', most: sorted.at(-1) ?? '0' };
}

/** Where the control totals of instances are kept. */
export interface ControlTotals {
  /**
   * Writes down what this instance has counted of a period up to now, in place of what it wrote before.
   * @throws whatever the store throws; then it may be written or not
   */
  put(period: PeriodId, total: ControlTotal): Promise<void>;
}

/** How a batch's events ended, by period, as far as the control total is concerned. */
export interface CountedEvents {
  /** Those that this instance's own writes counted. */
  counted: readonly ConsumptionEvent[];
  /** Those of writes of which it is not known whether they took place. */
  unsure: readonly ConsumptionEvent[];
}
