import { type Decimal, normalize } from '../decimal/decimal.ts';
import { type Identity, identityOf } from './identity.ts';
import { InexactNumber } from './json.ts';
import { type Rejection, rejection, shown } from './rejection.ts';

/** An event that can be counted: checked, and reduced to what counting needs. */
export interface ConsumptionEvent {
  identity: Identity;
  clientId: string;
  /** Milliseconds since the epoch. */
  instant: number;
  meter: string;
  quantity: Decimal;
}

/** Which instants are accepted, in milliseconds since the epoch, both ends included. */
export interface AcceptanceWindow {
  oldest: number;
  newest: number;
}

const MILLISECONDS_PER_DAY = 86_400_000;
/** How far a producer's clock may be ahead of ours. */
export const MAXIMUM_AHEAD_MILLISECONDS = 3_600_000;

/** The window at an instant: `maxAgeDays` back, because usage slices live no longer, and one hour ahead. */
export function acceptanceWindowAt(now: number, maxAgeDays: number): AcceptanceWindow {
  return { oldest: now - maxAgeDays * MILLISECONDS_PER_DAY, newest: now + MAXIMUM_AHEAD_MILLISECONDS };
}

/** Whether reading came to an event and not to a rejection. */
export function isAccepted(outcome: ConsumptionEvent | Rejection): outcome is ConsumptionEvent {
  return 'identity' in outcome;
}

/**
 * Reads one parsed CloudEvents 1.0 event in JSON format
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
 */
export function readEvent(element: unknown, window: AcceptanceWindow): ConsumptionEvent | Rejection {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) {
    return rejection(
      'NOT_AN_OBJECT',
      `The event is ${shown(element)}; it must be a JSON object in CloudEvents 1.0 format.`,
    );
  }
  // An object from JSON.parse: whatever is read of it is checked.
  const { specversion, id, source, type, subject, time, data } = element as Record<string, unknown>;
  if (specversion !== '1.0') return notCloudEvent('specversion', specversion, 'must be "1.0"');
  if (!isText(id)) return notCloudEvent('id', id, 'must be a text that is not empty');
  if (!isText(source)) return notCloudEvent('source', source, 'must be a text that is not empty');
  if (!isText(type)) return notCloudEvent('type', type, 'must be a text that is not empty');
  if (!isClientId(subject)) return invalidClientId(subject);
  const instant = readTime(time, window);
  if (typeof instant !== 'number') return instant;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    return rejection('NO_DATA', `data is ${shown(data)}; it must be an object with meter and quantity.`);
  }
  const { meter, quantity: given } = data as Record<string, unknown>; // checked below
  if (!isMeter(meter)) return invalidMeter(meter);
  const quantity = readQuantity(given);
  if (typeof quantity !== 'string') return quantity;
  return { identity: identityOf(source, id), clientId: subject, instant, meter, quantity };
}

function readTime(time: unknown, { oldest, newest }: AcceptanceWindow): number | Rejection {
  const instant = typeof time === 'string' ? instantOf(time) : undefined;
  if (instant === undefined) {
    return rejection(
      'INVALID_TIME',
      `time is ${shown(time)}; it must be an RFC 3339 time with its zone, such as "2026-11-22T17:36:14Z".`,
    );
  }
  if (instant > newest) {
    return rejection(
      'TIME_IN_FUTURE',
      `time is ${shown(time)}, more than one hour ahead of ${new Date(newest - MAXIMUM_AHEAD_MILLISECONDS).toISOString()}; check the producer's clock.`,
    );
  }
  if (instant < oldest) {
    return rejection(
      'TOO_OLD',
      `time is ${shown(time)}; events from before ${new Date(oldest).toISOString()} are not counted any more (EVENT_MAX_AGE_DAYS).`,
    );
  }
  return instant;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function notCloudEvent(field: string, value: unknown, rule: string): Rejection {
  return rejection('NOT_A_CLOUDEVENT', `${field} is ${shown(value)}; in a CloudEvents 1.0 event it ${rule}.`);
}

function invalidClientId(subject: unknown): Rejection {
  return rejection(
    'INVALID_CLIENT_ID',
    `subject is ${shown(subject)}; it must be the client id: 1 to ${CLIENT_ID_MAXIMUM_LENGTH} letters, digits or any of . _ : @ | / + = -`,
  );
}

function invalidMeter(meter: unknown): Rejection {
  return rejection(
    'INVALID_METER',
    `data.meter is ${shown(meter)}; it must be 1 to ${METER_MAXIMUM_LENGTH} letters, digits or any of . _ : @ | / + = -, ` +
      `and neither ${RESERVED_METERS.join(' nor ')}, which are reserved`,
  );
}

/**
 * What a client id is made of: 1 to 128 letters, digits and `. _ : @ | / + = -`. It leaves out what separates the parts
 * of a key (`#`), what sorts after every key (`DEL`), whatever is not printed, and letters that look like other letters.
 */
export const CLIENT_ID_FORM = /^[A-Za-z0-9._:@|/+=-]{1,128}$/;

/** The longest client id, in characters. */
export const CLIENT_ID_MAXIMUM_LENGTH = 128;

/** What a meter's name is made of: the same characters, 1 to 64 of them. */
export const METER_FORM = /^[A-Za-z0-9._:@|/+=-]{1,64}$/;

/** The longest name of a meter, in characters. */
export const METER_MAXIMUM_LENGTH = 64;

/** Whether something can be the id of a client: a text that cannot forge a key. */
export function isClientId(value: unknown): value is string {
  return typeof value === 'string' && CLIENT_ID_FORM.test(value);
}

/**
 * Names that cannot be told from what every JavaScript object has: totals are kept by meter, the SDK drops an attribute named
 * `__proto__` without a word, and takes a map with one named `constructor` for something else than a map.
 */
export const RESERVED_METERS: readonly string[] = ['__proto__', 'constructor'];

/** Whether something can be the name of a meter. */
export function isMeter(value: unknown): value is string {
  return typeof value === 'string' && METER_FORM.test(value) && !RESERVED_METERS.includes(value);
}

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

/** A quantity has at most this many digits before its decimal point. */
export const MAXIMUM_INTEGER_DIGITS = 18;
/** A quantity has at most this many digits after its decimal point. */
export const MAXIMUM_FRACTION_DIGITS = 12;

const PLAIN_DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;
const EXPONENT_DECIMAL = /^-?\d+(\.\d+)?[eE][+-]?\d{1,3}$/;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;
const LIMITS = `at most ${MAXIMUM_INTEGER_DIGITS} digits before and ${MAXIMUM_FRACTION_DIGITS} after the decimal point`;

/**
 * A quantity, exactly as it was sent, from a JSON string or number; negative ones take usage back. With at most 18 integer and
 * 12 fraction digits, 10^8 of them add up within the 38 digits that a DynamoDB Number could hold.
 */
export function readQuantity(value: unknown): Decimal | Rejection {
  if (value instanceof InexactNumber) return inexact(value);
  if (typeof value === 'number') return readNumber(value);
  if (typeof value === 'string') return readText(value);
  return rejection(
    'INVALID_QUANTITY',
    `data.quantity is ${shown(value)}; it must be a decimal as a JSON string or number, such as "12.5".`,
  );
}

function readNumber(value: number): Decimal | Rejection {
  if (!Number.isFinite(value)) return notFinite(value);
  if (Number.isSafeInteger(value)) return value === 0 ? '0' : String(value);
  return readText(String(value));
}

function readText(text: string): Decimal | Rejection {
  const plain = EXPONENT_DECIMAL.test(text) ? normalize(text) : text;
  const [, , whole, fraction = ''] = PLAIN_DECIMAL.exec(plain) ?? [];
  if (whole === undefined) return NOT_FINITE.test(text) ? notFinite(text) : notDecimal(text);
  if (whole.length > MAXIMUM_INTEGER_DIGITS) {
    return rejection('QUANTITY_TOO_LARGE', `data.quantity is ${shown(text)}; it may have ${LIMITS}.`);
  }
  if (fraction.length > MAXIMUM_FRACTION_DIGITS) {
    return rejection('QUANTITY_TOO_PRECISE', `data.quantity is ${shown(text)}; it may have ${LIMITS}.`);
  }
  return normalize(plain);
}

function inexact({ text }: InexactNumber): Rejection {
  return rejection(
    'QUANTITY_INEXACT',
    `data.quantity is the JSON number ${text.slice(0, 80)}, which a double cannot carry exactly; send it as a string.`,
  );
}

function notFinite(value: unknown): Rejection {
  return rejection('QUANTITY_NOT_FINITE', `data.quantity is ${String(value)}; it must be a finite decimal.`);
}

function notDecimal(text: string): Rejection {
  return rejection('INVALID_QUANTITY', `data.quantity is ${shown(text)}; it must be a decimal such as "12.5".`);
}
