import { Temporal } from 'temporal-polyfill';

/** A calendar day in the billing time zone, `YYYY-MM-DD`. */
export type Day = string;

const MILLISECONDS_PER_MINUTE = 60_000;

/** Where an instant falls: the day, and the slice inside the day. */
export interface DayPosition {
  day: Day;
  /** Counts the slices from the day's first instant, so a day of 25 hours has more of them and none is met twice. */
  slice: number;
}

interface KnownDay {
  day: Day;
  startsAt: number;
  endsAt: number;
}

/**
 * Maps instants to days and slices in one time zone. Remembers the days it has met: an instant inside one of them
 * costs a comparison, not a time zone look-up.
 */
export class BillingCalendar {
  readonly timeZone: string;
  readonly sliceMinutes: number;
  readonly #knownDays: KnownDay[] = [];

  /**
   * @param timeZone an IANA name such as `Europe/Rome`
   * @param sliceMinutes the length of a slice in minutes
   * @throws RangeError when the time zone does not exist
   */
  constructor(timeZone: string, sliceMinutes: number) {
    this.timeZone = Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone).timeZoneId;
    this.sliceMinutes = sliceMinutes;
  }

  /** The day and slice of an instant in milliseconds since the epoch. */
  positionOf(instant: number): DayPosition {
    const { day, startsAt } = this.#dayAround(instant);
    return { day, slice: Math.floor((instant - startsAt) / (this.sliceMinutes * MILLISECONDS_PER_MINUTE)) };
  }

  /** The day of an instant in milliseconds since the epoch. */
  dayOf(instant: number): Day {
    return this.#dayAround(instant).day;
  }

  /** The first instant of a day, in milliseconds since the epoch. */
  startOfDay(day: Day): number {
    return Temporal.PlainDate.from(day).toZonedDateTime(this.timeZone).epochMilliseconds;
  }

  /** The first instant after a day, in milliseconds since the epoch. */
  endOfDay(day: Day): number {
    return Temporal.PlainDate.from(day).add({ days: 1 }).toZonedDateTime(this.timeZone).epochMilliseconds;
  }

  #dayAround(instant: number): KnownDay {
    const known = this.#knownDays.find((candidate) => candidate.startsAt <= instant && instant < candidate.endsAt);
    return known ?? this.#learnDay(instant);
  }

  #learnDay(instant: number): KnownDay {
    const day = Temporal.Instant.fromEpochMilliseconds(instant)
      .toZonedDateTimeISO(this.timeZone)
      .toPlainDate()
      .toString();
    const learned = { day, startsAt: this.startOfDay(day), endsAt: this.endOfDay(day) };
    this.#knownDays.unshift(learned);
    this.#knownDays.length = Math.min(this.#knownDays.length, 64);
    return learned;
  }
}
