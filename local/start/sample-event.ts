import type { MeterKind } from '../../lib/meters/measure.ts';
import type { BillingCalendar, Day } from '../../lib/periods/days.ts';
import type { Random } from './random.ts';

/** One valid consumption event as the producer knows it, before it becomes text. */
export interface SampleEvent {
  id: string;
  source: string;
  clientId: string;
  /** Milliseconds since the epoch. */
  instant: number;
  day: Day;
  meter: string;
  /** Absent: a sum. */
  kind?: MeterKind;
  /** A plain decimal string. */
  quantity: string;
  quantityAsText: boolean;
  /** Minutes east of UTC in which `time` is written. The instant is the same. */
  offsetMinutes: number;
}

const SOURCES = ['/gateways/eu-1', '/gateways/eu-2', 'https://storage.example/nodes', 'urn:example:batch'] as const;
const OFFSETS_MINUTES = [0, 0, 0, 60, 330, -480] as const;

interface SampleMeter {
  meter: string;
  kind?: MeterKind;
  share: number;
  asText: boolean;
  quantity(random: Random): string;
}

/** The meters of the sample that add up, each with the kind of quantity that real ones have. */
const SUMS: readonly SampleMeter[] = [
  { meter: 'api_calls', share: 50, asText: false, quantity: (random) => String(random.integer(1, 500)) },
  {
    meter: 'storage_gb_hours',
    share: 25,
    asText: false,
    quantity: (random) => `${random.integer(0, 99)}.${random.digits(6)}`,
  },
  {
    meter: 'egress_gb',
    share: 15,
    asText: true,
    quantity: (random) => `${random.integer(0, 9_999)}.${random.digits(12)}`,
  },
  {
    // Usage corrections: a tenth of them take something back.
    meter: 'compute_seconds',
    share: 9,
    asText: false,
    quantity: (random) => `${random.happens(100) ? '-' : ''}${random.integer(1, 3_600)}`,
  },
  // As many digits as a quantity may have: what a double would round, and a sum must not.
  {
    meter: 'data_points',
    share: 1,
    asText: true,
    quantity: (random) => `${random.digits(18)}.${random.digits(12)}`,
  },
];
/** Meters of the other kinds, as the sample registers them. */
const OTHER_KINDS: readonly SampleMeter[] = [
  // What a login carries does not count: each is one.
  { meter: 'logins', kind: 'count', share: 6, asText: false, quantity: (random) => String(random.integer(0, 9)) },
  {
    meter: 'active_seats',
    kind: 'maximum',
    share: 6,
    asText: false,
    quantity: (random) => String(random.integer(0, 40)),
  },
  {
    meter: 'disk_gb',
    kind: 'latest',
    share: 6,
    asText: true,
    quantity: (random) => `${random.integer(0, 5)}.${random.digits(3)}`,
  },
];

/** Which meters a sample is of: all that it registers, or those that need no registration. */
export type SampleMeters = 'all' | 'sums';

const byShare = (meters: readonly SampleMeter[]) =>
  meters.flatMap((meter) => Array.from({ length: meter.share }, () => meter));
const METERS_BY_SHARE = { sums: byShare(SUMS), all: byShare([...SUMS, ...OTHER_KINDS]) };

/** The client ids of the sample, in several of the forms that a client id may have. */
export function sampleClientId(index: number): string {
  const number = String(index).padStart(4, '0');
  const forms = [
    `client-${number}`,
    `tenant:${number}`,
    `billing+${number}@example.com`,
    `org/${number}/site=1|eu`,
    `C_${number}.x`,
  ];
  return forms[index % forms.length] ?? number;
}

/** A valid event of a client at an instant, still without its id. */
export function sampleEvent(
  random: Random,
  clientId: string,
  instant: number,
  calendar: BillingCalendar,
  meters: SampleMeters,
): Omit<SampleEvent, 'id'> {
  const { meter, kind, asText, quantity } = random.pick(METERS_BY_SHARE[meters]);
  return {
    source: random.pick(SOURCES),
    clientId,
    instant,
    day: calendar.dayOf(instant),
    meter,
    ...(kind ? { kind } : {}),
    quantity: quantity(random),
    quantityAsText: asText || random.happens(200),
    offsetMinutes: random.pick(OFFSETS_MINUTES),
  };
}

/**
 * The event as a CloudEvent in JSON
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
 */
export function jsonOf(event: SampleEvent): string {
  const attributes = JSON.stringify({
    specversion: '1.0',
    id: event.id,
    source: event.source,
    type: 'com.example.consumption',
    subject: event.clientId,
    time: rfc3339(event.instant, event.offsetMinutes),
  });
  const quantity = event.quantityAsText ? JSON.stringify(event.quantity) : event.quantity;
  return `${attributes.slice(0, -1)},"data":{"meter":${JSON.stringify(event.meter)},"quantity":${quantity}}}`;
}

/** An instant in milliseconds since the epoch as RFC 3339 text with the given offset. */
export function rfc3339(instant: number, offsetMinutes = 0): string {
  if (offsetMinutes === 0) return new Date(instant).toISOString();
  const local = new Date(instant + offsetMinutes * 60_000).toISOString().slice(0, -1);
  const minutes = Math.abs(offsetMinutes);
  const pad = (value: number) => String(value).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
