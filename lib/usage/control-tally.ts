import { DecimalSum } from '../decimal/decimal.ts';
import type { ConsumptionEvent } from '../events/consumption-event.ts';
import { isAdditiveKind } from '../meters/measure.ts';
import type { PeriodId } from '../periods/periods.ts';
import {
  type ControlTotal,
  type ControlTotals,
  type CountedEvents,
  type MeterGroup,
  meterGroupOf,
} from './control-total.ts';

/** A batch that is being counted: it stays in the control total as unsure until it is settled. */
export interface BegunBatch {
  /** Settles it; never throws, since what cannot be written now is written with the next batch. */
  settle(outcome: ReadonlyMap<PeriodId, CountedEvents>): Promise<void>;
}

/**
 * One instance's control totals. Before a batch is counted, its events are written down as unsure; afterwards those
 * that were counted as counted. So whenever an instance dies, what it counted lies within what it wrote. Two writes a
 * batch and period, each of an item of some hundred bytes.
 */
export class ControlTally {
  readonly #store: ControlTotals;
  readonly #periods = new Map<PeriodId, PeriodTally>();

  constructor(store: ControlTotals) {
    this.#store = store;
  }

  /** @throws whatever the store throws: then the batch must not be counted, since it would not be known */
  async begin(events: ReadonlyMap<PeriodId, readonly ConsumptionEvent[]>): Promise<BegunBatch> {
    const begun = new Map<PeriodId, Sums>();
    for (const [period, members] of events) {
      const sums = new Sums();
      for (const event of members) sums.add(event, 'unsure');
      begun.set(period, sums);
      this.#tallyOf(period).underWay.add(sums);
    }
    const end = () => {
      for (const [period, sums] of begun) this.#tallyOf(period).underWay.delete(sums);
    };
    try {
      await this.#write(begun.keys());
    } catch (error) {
      end();
      throw error;
    }
    return {
      settle: async (outcome) => {
        end();
        for (const [period, { counted, unsure }] of outcome) {
          const { settled } = this.#tallyOf(period);
          for (const event of counted) settled.add(event, 'counted');
          for (const event of unsure) settled.add(event, 'unsure');
        }
        await this.#write(begun.keys()).catch(() => {});
      },
    };
  }

  async #write(periods: Iterable<PeriodId>): Promise<void> {
    await Promise.all([...periods].map((period) => this.#store.put(period, this.#tallyOf(period).total())));
  }

  #tallyOf(period: PeriodId): PeriodTally {
    const tally = this.#periods.get(period) ?? new PeriodTally();
    this.#periods.set(period, tally);
    return tally;
  }
}

class PeriodTally {
  readonly settled = new Sums();
  readonly underWay = new Set<Sums>();

  total(): ControlTotal {
    const all = new Sums();
    for (const sums of [this.settled, ...this.underWay]) all.addAll(sums);
    return all.total();
  }
}

type Certainty = 'counted' | 'unsure';

class Sums {
  #events = { counted: 0, unsure: 0 };
  readonly #groups = new Map<MeterGroup, { counted: DecimalSum; unsure: DecimalSum }>();

  add({ meter, quantity, kind }: ConsumptionEvent, certainty: Certainty): void {
    this.#events[certainty] += 1;
    // What does not add up is controlled by its number of events alone.
    if (kind !== undefined && !isAdditiveKind(kind)) return;
    const magnitude = certainty === 'unsure' && quantity.startsWith('-') ? quantity.slice(1) : quantity;
    this.#groupOf(meterGroupOf(meter))[certainty].add(magnitude);
  }

  addAll(other: Sums): void {
    this.#events.counted += other.#events.counted;
    this.#events.unsure += other.#events.unsure;
    for (const [group, { counted, unsure }] of other.#groups) {
      const sums = this.#groupOf(group);
      sums.counted.add(counted.toString());
      sums.unsure.add(unsure.toString());
    }
  }

  total(): ControlTotal {
    const groups = [...this.#groups].map(
      ([group, { counted, unsure }]) => [group, { counted: counted.toString(), unsure: unsure.toString() }] as const,
    );
    return { events: this.#events.counted, unsureEvents: this.#events.unsure, groups: new Map(groups) };
  }

  #groupOf(group: MeterGroup) {
    const known = this.#groups.get(group) ?? { counted: new DecimalSum(), unsure: new DecimalSum() };
    this.#groups.set(group, known);
    return known;
  }
}
