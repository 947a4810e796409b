import { compare, type Decimal } from '../../lib/decimal/decimal.ts';
import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { hexOfIdentity, type Identity } from '../../lib/events/identity.ts';
import type { MeterKind } from '../../lib/meters/measure.ts';
import type { Day } from '../../lib/periods/days.ts';
import { type PeriodId, periodIdOfDay } from '../../lib/periods/periods.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';

/** A valid event as the producer knows it. */
export interface ProducedEvent {
  identity: Identity;
  clientId: string;
  /** Milliseconds since the epoch. */
  instant: number;
  meter: string;
  quantity: Decimal;
  /** Absent: a sum. */
  kind?: MeterKind;
}

/**
 * What the producer put on the queue, and therefore what must come out. Its size grows with days and meters; of meters
 * that do not add up, with clients too.
 */
export class Expectation {
  /** Events put on the queue, valid or not, repeated or not. */
  deliveries = 0;
  /** Queue messages sent. */
  messages = 0;
  /** Valid events by day, each identity once. */
  readonly #days = new Map<Day, { events: number; sums: MeterSums }>();
  /** By period, then by client and meter. */
  readonly #levels = new Map<PeriodId, Map<string, { name: string; event: ProducedEvent }>>();
  /** Malformed events by the reason they must be rejected for. */
  readonly #malformed = new Map<string, number>();

  /** A valid event was produced for the first time. */
  addValid(day: Day, event: ProducedEvent): void {
    let expected = this.#days.get(day);
    if (!expected) {
      expected = { events: 0, sums: new MeterSums() };
      this.#days.set(day, expected);
    }
    expected.events += 1;
    const { meter, quantity, kind = 'sum' } = event;
    if (kind === 'sum') expected.sums.add(meter, quantity);
    else if (kind === 'count') expected.sums.add(`${meter}#count`, '1');
    else this.#addLevel(periodIdOfDay(day), `${meter}#${kind}`, event);
  }

  /** Of each client's events in a period, the one that its quantity is of. */
  #addLevel(periodId: PeriodId, name: string, event: ProducedEvent): void {
    const levels = this.#levels.get(periodId) ?? new Map<string, { name: string; event: ProducedEvent }>();
    this.#levels.set(periodId, levels);
    const key = `${event.clientId} ${name}`;
    const known = levels.get(key);
    const isBelow = event.kind === 'maximum' ? isSmaller : isEarlier;
    if (!known || isBelow(known.event, event)) levels.set(key, { name, event });
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
    for (const [periodId, levels] of this.#levels) {
      if (periodIds && !periodIds.includes(periodId)) continue;
      for (const { name, event } of levels.values()) sums.add(name, event.quantity);
    }
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

function isSmaller(one: ProducedEvent, other: ProducedEvent): boolean {
  return compare(one.quantity, other.quantity) < 0;
}

function isEarlier(one: ProducedEvent, other: ProducedEvent): boolean {
  if (one.instant !== other.instant) return one.instant < other.instant;
  return hexOfIdentity(one.identity) < hexOfIdentity(other.identity);
}
