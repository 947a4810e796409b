import type { Decimal } from '../decimal/decimal.ts';
import { CLIENT_ID_MAXIMUM_LENGTH, isClientId, isMeter, METER_MAXIMUM_LENGTH, RESERVED_METERS } from './client-id.ts';
import { instantOf } from './event-time.ts';
import { type Identity, identityOf } from './identity.ts';
import { readQuantity } from './quantity.ts';
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
