import type { Decimal } from '../decimal/decimal.ts';
import type { MeterKind } from '../meters/measure.ts';
import { CORRECTION_SOURCE } from './correction.ts';
import { envelopeOf } from './envelopes.ts';
import { type Identity, identityOf } from './identity.ts';
import type { JsonElement } from './json-elements.ts';
import { readQuantity } from './quantity.ts';
import { type Rejection, rejection, shown } from './rejection.ts';

/** An event that can be counted: checked, and reduced to what counting needs. */
export interface ConsumptionEvent {
  identity: Identity;
  /** What the identity is made of, for the archive: nothing else of an event is looked up by it. */
  origin: EventOrigin;
  clientId: string;
  /** Milliseconds since the epoch. */
  instant: number;
  meter: string;
  /** What it adds to its meter; of a `count` it is one. */
  quantity: Decimal;
  /** How its meter folds; absent: it is a sum. */
  kind?: MeterKind;
}

/** Who sent an event, and what the sender calls it. */
export interface EventOrigin {
  source: string;
  id: string;
}

/** Which instants are accepted, in milliseconds since the epoch, both ends included. */
export interface AcceptanceWindow {
  oldest: number;
  newest: number;
}

const MILLISECONDS_PER_DAY = 86_400_000;
/** No event was counted before. */
const EARLIEST_CORRECTED = Date.parse('2000-01-01T00:00:00Z');
/** How far a producer's clock may be ahead of ours. */
export const MAXIMUM_AHEAD_MILLISECONDS = 3_600_000;

/**
 * So long a queue keeps a message
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
 */
const LONGEST_WAIT_MILLISECONDS = 14 * MILLISECONDS_PER_DAY;

/**
 * The window of a message: `maxAgeDays` back from when it was sent, so that no wait in the queue makes an event too
 * old, and one hour ahead of now. Slices live a day longer than the oldest event and the longest wait together.
 * @param sentAt when the queue received the message, in milliseconds since the epoch; absent: now
 */
export function acceptanceWindowAt(now: number, maxAgeDays: number, sentAt: number = now): AcceptanceWindow {
  const arrival = Number.isFinite(sentAt) ? Math.min(now, Math.max(sentAt, now - LONGEST_WAIT_MILLISECONDS)) : now;
  return { oldest: arrival - maxAgeDays * MILLISECONDS_PER_DAY, newest: now + MAXIMUM_AHEAD_MILLISECONDS };
}

/** Whether reading came to an event and not to a rejection. */
export function isAccepted(outcome: ConsumptionEvent | Rejection): outcome is ConsumptionEvent {
  return 'identity' in outcome;
}

/**
 * Reads one CloudEvents 1.0 event in JSON format
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md). Never throws.
 */
export function readEvent(element: JsonElement, window: AcceptanceWindow): ConsumptionEvent | Rejection {
  const { value, repeatedName, quantityText } = element;
  if (!isObject(value)) {
    return rejection(
      'NOT_AN_OBJECT',
      `The event is ${shown(value)}; it must be a JSON object in CloudEvents 1.0 format.`,
    );
  }
  if (repeatedName !== undefined) {
    return rejection(
      'REPEATED_MEMBER',
      `The member ${shown(repeatedName)} stands in it more than once; which of them counts is anybody's guess, so say it once.`,
    );
  }
  const { specversion, id, source, type, subject, time } = value;
  if (specversion !== '1.0') {
    const envelope = envelopeOf(value);
    return envelope
      ? rejection('NOT_A_CLOUDEVENT', envelope)
      : notCloudEvent('specversion', specversion, 'must be "1.0"');
  }
  if (!isText(id)) return notCloudEvent('id', id, 'must be a text that is not empty');
  if (!isText(source)) return notCloudEvent('source', source, 'must be a text that is not empty');
  if (!isText(type)) return notCloudEvent('type', type, 'must be a text that is not empty');
  if (!isClientId(subject)) return invalidClientId(subject);
  // What takes back what was counted long ago is as old as that.
  const instant = readTime(time, source === CORRECTION_SOURCE ? { ...window, oldest: EARLIEST_CORRECTED } : window);
  if (typeof instant !== 'number') return instant;
  const data = dataOf(value);
  if ('reason' in data) return data;
  const { meter, quantity: given } = data.of;
  if (!isMeter(meter)) return invalidMeter(meter);
  const quantity = readQuantity(given, quantityText);
  if (typeof quantity !== 'string') return quantity;
  return { identity: identityOf(source, id), origin: { source, id }, clientId: subject, instant, meter, quantity };
}

function dataOf({ data, data_base64 }: Readonly<Record<string, unknown>>): { of: Record<string, unknown> } | Rejection {
  if (data_base64 !== undefined) {
    return data === undefined
      ? rejection(
          'NO_DATA',
          'data_base64 holds bytes, and data is missing; send meter and quantity as an object in data.',
        )
      : rejection(
          'NOT_A_CLOUDEVENT',
          'It has data and data_base64; a CloudEvents 1.0 event has one of them: send data.',
        );
  }
  if (isObject(data)) return { of: data };
  return rejection('NO_DATA', `data is ${shown(data)}; it must be an object with meter and quantity.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
 * of a key (`#`), what sorts after every key (`DEL`), whatever is not printed, and letters that look like other
 * letters.
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
  return typeof value === 'string' && value.length <= CLIENT_ID_MAXIMUM_LENGTH && CLIENT_ID_FORM.test(value);
}

/**
 * Names that cannot be told from what every JavaScript object has: totals are kept by meter, the SDK drops an attribute
 * named `__proto__` without a word, and takes a map with one named `constructor` for something else than a map.
 */
export const RESERVED_METERS: readonly string[] = ['__proto__', 'constructor'];

/** Whether something can be the name of a meter. */
export function isMeter(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= METER_MAXIMUM_LENGTH &&
    METER_FORM.test(value) &&
    !RESERVED_METERS.includes(value)
  );
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
/** With every digit that a second can have, and more. */
const TIME_MAXIMUM_LENGTH = 64;
const MILLISECONDS_PER_MINUTE = 60_000;

/**
 * The instant of an RFC 3339 time with its zone, in milliseconds since the epoch, or nothing when the text is none. A
 * leap second (`:60`) is the first instant of the next minute, as POSIX time has it
 * (https://www.rfc-editor.org/rfc/rfc3339#section-5.6).
 */
export function instantOf(text: string): number | undefined {
  const parts = text.length > TIME_MAXIMUM_LENGTH ? null : RFC_3339.exec(text);
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
