const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const MILLISECONDS_PER_MINUTE = 60_000;

/**
 * The instant of an RFC 3339 time with its zone, in milliseconds since the epoch, or nothing when the text is none. A leap
 * second (`:60`) is the first instant of the next minute, as POSIX time has it
 * (https://www.rfc-editor.org/rfc/rfc3339#section-5.6).
 */
export function instantOf(text: string): number | undefined {
  const parts = RFC_3339.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number, // six groups that always match
    number,
    number,
    number,
    number,
    number,
  ];
  const milliseconds = Number((parts[7] ?? '0').padEnd(3, '0').slice(0, 3));
  const [offsetHours, offsetMinutes] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 60 || offsetHours > 23 || offsetMinutes > 59) return undefined;
  const local = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  // Date.UTC turns the 31st of February into a day of March, and the years 0 to 99 into 1900 to 1999.
  if (!isCalendarDay(year, month, day)) return undefined;
  const offset = (offsetHours * 60 + offsetMinutes) * MILLISECONDS_PER_MINUTE;
  return parts[8] === '-' ? local + offset : local - offset;
}

function isCalendarDay(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
