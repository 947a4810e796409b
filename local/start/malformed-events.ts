import type { Random } from './random.ts';
import { jsonOf, rfc3339, type SampleEvent } from './sample-event.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** What a malformed event is measured against. */
export interface AcceptanceWindow {
  /** Milliseconds since the epoch. */
  now: number;
  /** Events older than this many days are not accepted. */
  maxAgeDays: number;
}

interface MalformedKind {
  /** Makes the text of a bad event from a good one. */
  text(event: SampleEvent, random: Random, window: AcceptanceWindow): string;
  /** True when the text is no JSON and so can only be a message of its own. */
  standsAlone?: boolean;
}

type Fields = Record<string, unknown>;

/** Every kind of malformed event that the sample holds; each is what some producer was seen to send. */
export const MALFORMED_KINDS = {
  'not JSON': { text: (event) => `{"specversion":"1.0","id":"${event.id}"`, standsAlone: true },
  'not an object': { text: (event) => JSON.stringify(`event ${event.id}`) },
  'no specversion': { text: (event) => withFields(event, { specversion: undefined }) },
  'other specversion': { text: (event) => withFields(event, { specversion: '0.3' }) },
  'no id': { text: (event) => withFields(event, { id: undefined, comment: event.id }) },
  'id is a number': {
    text: (event, random) => withFields(event, { id: random.integer(1, 1_000_000), comment: event.id }),
  },
  'no source': { text: (event) => withFields(event, { source: undefined }) },
  'no type': { text: (event) => withFields(event, { type: undefined }) },
  'no data': { text: (event) => withFields(event, { data: undefined }) },
  'data is text': { text: (event) => withFields(event, { data: 'api_calls=3' }) },
  'no client': { text: (event) => withFields(event, { subject: undefined }) },
  'client empty': { text: (event) => withFields(event, { subject: '' }) },
  'client too long': { text: (event) => withFields(event, { subject: 'c'.repeat(129) }) },
  'client forges a key': { text: (event) => withFields(event, { subject: `${event.clientId}#2026-01-01` }) },
  'no time': { text: (event) => withFields(event, { time: undefined }) },
  'time without zone': { text: (event) => withFields(event, { time: rfc3339(event.instant).slice(0, -1) }) },
  'time that is none': { text: (event) => withFields(event, { time: '2026-13-45T99:00:00Z' }) },
  'time ahead': { text: (event, _random, { now }) => withFields(event, { time: rfc3339(now + 2 * HOUR) }) },
  'time too old': {
    text: (event, _random, { now, maxAgeDays }) => withFields(event, { time: rfc3339(now - (maxAgeDays + 1) * DAY) }),
  },
  'no meter': { text: (event) => withData(event, { meter: undefined }) },
  'meter is a number': { text: (event) => withData(event, { meter: 7 }) },
  'no quantity': { text: (event) => withData(event, { quantity: undefined }) },
  'quantity NaN': { text: (event) => withData(event, { quantity: 'NaN' }) },
  'quantity infinite': { text: (event) => withData(event, { quantity: '-Infinity' }) },
  'quantity is a boolean': { text: (event) => withData(event, { quantity: true }) },
  'quantity too precise': { text: (event, random) => withData(event, { quantity: `0.${random.digits(13)}` }) },
  'quantity too large': { text: (event, random) => withData(event, { quantity: random.digits(19) }) },
  'number that a double cannot carry': {
    text: (event, random) => {
      // Ends in 1 to 9, so that 18 digits are 18 significant ones; a double holds 15 to 17.
      const quantity = `${random.digits(17)}${random.integer(1, 9)}.5`;
      return withData(event, { quantity: 0 }).replace('"quantity":0', `"quantity":${quantity}`);
    },
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
  window: AcceptanceWindow,
): string {
  return MALFORMED_KINDS[kind].text(event, random, window);
}

/** Whether this kind can only be a message of its own, not an element of an array. */
export function standsAlone(kind: MalformedKindName): boolean {
  return 'standsAlone' in MALFORMED_KINDS[kind];
}

function withFields(event: SampleEvent, fields: Fields): string {
  return JSON.stringify({ ...(JSON.parse(jsonOf(event)) as Fields), ...fields }); // jsonOf makes an object
}

function withData(event: SampleEvent, fields: Fields): string {
  return withFields(event, { data: { meter: event.meter, quantity: event.quantity, ...fields } });
}
