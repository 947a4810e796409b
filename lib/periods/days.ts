// The function API: it weighs a third of the classes in a bundle, and starts in a third of the time.
import * as Instant from 'temporal-polyfill/fns/Instant';
import * as PlainDate from 'temporal-polyfill/fns/PlainDate';
import * as ZonedDateTime from 'temporal-polyfill/fns/ZonedDateTime';

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
    this.timeZone = zoned(0, timeZone).timeZoneId;
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
    return PlainDate.toZonedDateTime(plainDateOf(day), this.timeZone).epochMilliseconds;
  }

  /** The first instant after a day, in milliseconds since the epoch. */
  endOfDay(day: Day): number {
    return this.startOfDay(addDays(day, 1));
  }

  #dayAround(instant: number): KnownDay {
    const known = this.#knownDays.find((candidate) => candidate.startsAt <= instant && instant < candidate.endsAt);
    return known ?? this.#learnDay(instant);
  }

  #learnDay(instant: number): KnownDay {
    const day = PlainDate.toString(ZonedDateTime.toPlainDate(zoned(instant, this.timeZone)));
    const learned = { day, startsAt: this.startOfDay(day), endsAt: this.endOfDay(day) };
    this.#knownDays.unshift(learned);
    this.#knownDays.length = Math.min(this.#knownDays.length, 64);
    return learned;
  }
}

/** The day so many days later, or earlier when negative. @throws RangeError when the text is no day of the calendar */
export function addDays(day: Day, days: number): Day {
  return PlainDate.toString(PlainDate.addDays(plainDateOf(day), days));
}

/** How many days the month of a day has. @throws RangeError when the text is no day of the calendar */
export function daysInMonthOf(day: Day): number {
  return PlainDate.daysInMonth(plainDateOf(day));
}

function plainDateOf(day: Day): PlainDate.Record {
  const [, year, month, dayOfMonth] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day) ?? [];
  return PlainDate.create(Number(year), Number(month), Number(dayOfMonth));
}

function zoned(instant: number, timeZone: string): ZonedDateTime.Record {
  return Instant.toZonedDateTimeISO(Instant.fromEpochMilliseconds(instant), timeZone);
}
