import type { RejectionReason } from '../../lib/events/rejection.ts';
import type { Random } from './random.ts';
import { jsonOf, rfc3339, type SampleEvent } from './sample-event.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** What a malformed event is measured against. */
export interface MalformedAgainst {
  /** Milliseconds since the epoch. */
  now: number;
  /** Events older than this many days are not accepted. */
  maxAgeDays: number;
}

interface MalformedKind {
  /** What it must be rejected for. */
  reason: RejectionReason;
  /** Makes the text of a bad event from a good one. */
  text(event: SampleEvent, random: Random, window: MalformedAgainst): string;
  /** True when the text is no JSON and so can only be a message of its own. */
  standsAlone?: boolean;
  /** True when only what is registered of its meter makes it malformed. */
  needsRegistry?: boolean;
}

type Fields = Record<string, unknown>;

/** Every kind of malformed event that the sample holds; each is what some producer was seen to send. */
export const MALFORMED_KINDS = {
  'not JSON': { reason: 'NOT_JSON', text: (event) => `{"specversion":"1.0","id":"${event.id}"`, standsAlone: true },
  'not an object': { reason: 'NOT_AN_OBJECT', text: (event) => JSON.stringify(`event ${event.id}`) },
  'no specversion': { reason: 'NOT_A_CLOUDEVENT', text: (event) => withFields(event, { specversion: undefined }) },
  'other specversion': { reason: 'NOT_A_CLOUDEVENT', text: (event) => withFields(event, { specversion: '0.3' }) },
  'a member twice': {
    reason: 'REPEATED_MEMBER',
    text: (event) => jsonOf(event).replace('"quantity":', '"quantity":"1","quantity":'),
  },
  'data as text and as bytes': {
    reason: 'NOT_A_CLOUDEVENT',
    text: (event) => withFields(event, { data_base64: 'eyJtZXRlciI6Im0iLCJxdWFudGl0eSI6IjEifQ==' }),
  },
  'no id': { reason: 'NOT_A_CLOUDEVENT', text: (event) => withFields(event, { id: undefined, comment: event.id }) },
  'id is a number': {
    reason: 'NOT_A_CLOUDEVENT',
    text: (event, random) => withFields(event, { id: random.integer(1, 1_000_000), comment: event.id }),
  },
  'no source': { reason: 'NOT_A_CLOUDEVENT', text: (event) => withFields(event, { source: undefined }) },
  'no type': { reason: 'NOT_A_CLOUDEVENT', text: (event) => withFields(event, { type: undefined }) },
  'no data': { reason: 'NO_DATA', text: (event) => withFields(event, { data: undefined }) },
  'data is text': { reason: 'NO_DATA', text: (event) => withFields(event, { data: 'api_calls=3' }) },
  'no client': { reason: 'INVALID_CLIENT_ID', text: (event) => withFields(event, { subject: undefined }) },
  'client empty': { reason: 'INVALID_CLIENT_ID', text: (event) => withFields(event, { subject: '' }) },
  'client too long': { reason: 'INVALID_CLIENT_ID', text: (event) => withFields(event, { subject: 'c'.repeat(129) }) },
  'client forges a key': {
    reason: 'INVALID_CLIENT_ID',
    text: (event) => withFields(event, { subject: `${event.clientId}#2026-01-01` }),
  },
  'no time': { reason: 'INVALID_TIME', text: (event) => withFields(event, { time: undefined }) },
  'time without zone': {
    reason: 'INVALID_TIME',
    text: (event) => withFields(event, { time: rfc3339(event.instant).slice(0, -1) }),
  },
  'time that is none': { reason: 'INVALID_TIME', text: (event) => withFields(event, { time: '2026-13-45T99:00:00Z' }) },
  'time ahead': {
    reason: 'TIME_IN_FUTURE',
    text: (event, _random, { now }) => withFields(event, { time: rfc3339(now + 2 * HOUR) }),
  },
  'time too old': {
    reason: 'TOO_OLD',
    text: (event, _random, { now, maxAgeDays }) => withFields(event, { time: rfc3339(now - (maxAgeDays + 1) * DAY) }),
  },
  'no meter': { reason: 'INVALID_METER', text: (event) => withData(event, { meter: undefined }) },
  'meter is a number': { reason: 'INVALID_METER', text: (event) => withData(event, { meter: 7 }) },
  'no quantity': { reason: 'INVALID_QUANTITY', text: (event) => withData(event, { quantity: undefined }) },
  'quantity NaN': { reason: 'QUANTITY_NOT_FINITE', text: (event) => withData(event, { quantity: 'NaN' }) },
  'quantity infinite': { reason: 'QUANTITY_NOT_FINITE', text: (event) => withData(event, { quantity: '-Infinity' }) },
  'quantity is a boolean': { reason: 'INVALID_QUANTITY', text: (event) => withData(event, { quantity: true }) },
  'quantity too precise': {
    reason: 'QUANTITY_TOO_PRECISE',
    // Ends in 1 to 9: a zero at the end says nothing, and leaves 12 digits, which are right.
    text: (event, random) => withData(event, { quantity: `0.${random.digits(12)}${random.integer(1, 9)}` }),
  },
  'quantity too large': {
    reason: 'QUANTITY_TOO_LARGE',
    text: (event, random) => withData(event, { quantity: random.digits(19) }),
  },
  'number that a double cannot carry': {
    reason: 'QUANTITY_INEXACT',
    text: (event, random) => {
      // Ends in 1 to 9, so that 18 digits are 18 significant ones; a double holds 15 to 17.
      const quantity = `${random.digits(17)}${random.integer(1, 9)}.5`;
      return withData(event, { quantity: 0 }).replace('"quantity":0', `"quantity":${quantity}`);
    },
  },
  'quantity below its bound': {
    reason: 'QUANTITY_OUT_OF_BOUNDS',
    text: (event, random) => withData(event, { meter: 'active_seats', quantity: -random.integer(1, 9) }),
    needsRegistry: true,
  },
  'quantity above its bound': {
    reason: 'QUANTITY_OUT_OF_BOUNDS',
    text: (event, random) => withData(event, { meter: 'active_seats', quantity: random.integer(1_001, 9_999) }),
    needsRegistry: true,
  },
  'more decimals than its meter has': {
    reason: 'QUANTITY_TOO_PRECISE',
    text: (event) => withData(event, { meter: 'api_calls', quantity: '1.5' }),
    needsRegistry: true,
  },
  'a meter that has ended': {
    reason: 'METER_NOT_ACTIVE',
    text: (event) => withData(event, { meter: 'retired_calls', quantity: 1 }),
    needsRegistry: true,
  },
} as const satisfies Record<string, MalformedKind>;

export type MalformedKindName = keyof typeof MALFORMED_KINDS;

/** The names of all kinds, in a fixed order. */
export const MALFORMED_KIND_NAMES = Object.keys(MALFORMED_KINDS) as MalformedKindName[]; // keys of a literal object

/** A malformed event's text. */
export function malformedText(
  kind: MalformedKindName,
  event: SampleEvent,
  random: Random,
  window: MalformedAgainst,
): string {
  return MALFORMED_KINDS[kind].text(event, random, window);
}

/** What a malformed event of this kind must be rejected for. */
export function reasonOf(kind: MalformedKindName): RejectionReason {
  return MALFORMED_KINDS[kind].reason;
}

/** Whether this kind can only be a message of its own, not an element of an array. */
export function standsAlone(kind: MalformedKindName): boolean {
  return 'standsAlone' in MALFORMED_KINDS[kind];
}

/** Whether an event of this kind counts where nothing is registered of its meter. */
export function needsRegistry(kind: MalformedKindName): boolean {
  return 'needsRegistry' in MALFORMED_KINDS[kind];
}

function withFields(event: SampleEvent, fields: Fields): string {
  return JSON.stringify({ ...(JSON.parse(jsonOf(event)) as Fields), ...fields }); // jsonOf makes an object
}

function withData(event: SampleEvent, fields: Fields): string {
  return withFields(event, { data: { meter: event.meter, quantity: event.quantity, ...fields } });
}
