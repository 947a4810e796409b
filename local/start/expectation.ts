import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import type { Day } from '../../lib/periods/days.ts';
import { type PeriodId, periodIdOfDay } from '../../lib/periods/periods.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';

/** What the producer put on the queue, and therefore what must come out. Its size grows with days and meters only. */
export class Expectation {
  /** Events put on the queue, valid or not, repeated or not. */
  deliveries = 0;
  /** Queue messages sent. */
  messages = 0;
  /** Valid events by day, each identity once. */
  readonly #days = new Map<Day, { events: number; sums: MeterSums }>();
  /** Malformed events by the reason they must be rejected for. */
  readonly #malformed = new Map<string, number>();

  /** A valid event was produced for the first time. */
  addValid(day: Day, meter: string, quantity: string): void {
    let expected = this.#days.get(day);
    if (!expected) {
      expected = { events: 0, sums: new MeterSums() };
      this.#days.set(day, expected);
    }
    expected.events += 1;
    expected.sums.add(meter, quantity);
  }

  /** A malformed event was produced. */
  addMalformed(reason: string): void {
    this.#malformed.set(reason, (this.#malformed.get(reason) ?? 0) + 1);
  }

  /** The periods that hold valid events, in the order of time. */
  get periodIds(): PeriodId[] {
    return [...new Set([...this.#days.keys()].map(periodIdOfDay))].sort();
  }

  /** Distinct valid events, of the given periods or of all. */
  events(periodIds?: readonly PeriodId[]): number {
    return this.#daysOf(periodIds).reduce((events, day) => events + day.events, 0);
  }

  /** The sum per meter, of the given periods or of all. */
  totals(periodIds?: readonly PeriodId[]): MeterTotals {
    const sums = new MeterSums();
    for (const day of this.#daysOf(periodIds)) sums.addAll(day.sums.totals());
    return sums.totals();
  }

  /** Malformed events by reason. */
  malformed(): Record<string, number> {
    return Object.fromEntries([...this.#malformed].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  #daysOf(periodIds: readonly PeriodId[] | undefined) {
    return [...this.#days]
      .filter(([day]) => !periodIds || periodIds.includes(periodIdOfDay(day)))
      .map(([, day]) => day);
  }
}
