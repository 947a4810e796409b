import { identityOf } from '../../lib/events/identity.ts';
import type { BillingCalendar, Day } from '../../lib/periods/days.ts';
import { daysOfPeriod, type Period } from '../../lib/periods/periods.ts';
import type { Expectation } from './expectation.ts';
import {
  MALFORMED_KIND_NAMES,
  type MalformedAgainst,
  type MalformedKindName,
  malformedText,
  needsRegistry,
  reasonOf,
  standsAlone,
} from './malformed-events.ts';
import { Random } from './random.ts';
import { jsonOf, type SampleEvent, type SampleMeters, sampleClientId, sampleEvent } from './sample-event.ts';

/** What the sample is made from. The same values make the same bytes. */
export interface SampleLoad {
  seed: number;
  period: Period;
  clients: number;
  /** At least so many distinct valid events. */
  events: number;
  calendar: BillingCalendar;
  window: MalformedAgainst;
  meters: SampleMeters;
}

/** One event on its way: what a producer hands over, once or again. */
interface Delivery {
  text: string;
  malformed?: MalformedKindName;
}

const SECOND = 1_000;
const SESSION_SECONDS = 60;
const LONGEST_ARRAY = 60;
/** Every so many-th client consumes twice as much as the others. */
const BUSY_CLIENT = 10;
const LATEST_BY_DAYS = 5;

/** Out of 1,000. */
const RATES = { late: 30, duplicate: 10, redelivered: 20, repeatedMessage: 20, malformed: 25, singleMessage: 300 };

/** How many distinct valid events a load makes. */
export function distinctEventsOf({
  period,
  clients,
  events,
}: Pick<SampleLoad, 'period' | 'clients' | 'events'>): number {
  const days = daysOfPeriod(period).length;
  return (clients + Math.ceil(clients / BUSY_CLIENT)) * days * eventsPerClientDay(events, clients, days);
}

/**
 * Makes the bodies of the queue messages: a half month's events in about the order of time, with what real producers do
 * to them: duplicates inside an array, redeliveries in later messages, events that come days late, whole messages sent
 * twice, malformed events of every kind, alone and beside good ones. Adds what must come of it to the expectation.
 * Holds one day's events at a time.
 */
export function* sampleMessages(load: SampleLoad, expectation: Expectation): Generator<string> {
  const random = new Random(load.seed);
  const delayed = new Map<number, Delivery[]>();
  const delay = (day: number, delivery: Delivery) => delayed.set(day, [...(delayed.get(day) ?? []), delivery]);
  const malformed = malformedEvents(load, random, expectation);
  let made = 0;
  for (const [index, day] of daysOfPeriod(load.period).entries()) {
    const deliveries: Delivery[] = [];
    for (const draft of eventsOfDay(load, random, day)) {
      const event = { ...draft, id: `${load.seed}-${++made}` };
      const delivery = { text: jsonOf(event) };
      expectation.addValid(event.day, { ...event, identity: identityOf(event.source, event.id) });
      if (random.happens(RATES.late)) delay(index + random.integer(1, LATEST_BY_DAYS), delivery);
      else deliveries.push(delivery);
      if (random.happens(RATES.duplicate)) deliveries.push(delivery);
      if (random.happens(RATES.redelivered)) delay(index + random.integer(1, LATEST_BY_DAYS), delivery);
      if (random.happens(RATES.malformed)) deliveries.push(malformed(event));
    }
    for (const delivery of delayed.get(index) ?? [])
      deliveries.splice(random.integer(0, deliveries.length), 0, delivery);
    delayed.delete(index);
    yield* bodiesOf(deliveries, random, expectation);
  }
  yield* bodiesOf([...delayed.values()].flat(), random, expectation);
}

/** One day's events of all clients in the order of time; each client consumes in one or two sessions of a minute. */
function eventsOfDay(load: SampleLoad, random: Random, day: Day): Omit<SampleEvent, 'id'>[] {
  const { calendar, clients } = load;
  const startsAt = calendar.startOfDay(day);
  const seconds = (calendar.endOfDay(day) - startsAt) / SECOND;
  const perDay = eventsPerClientDay(load.events, clients, daysOfPeriod(load.period).length);
  const events: Omit<SampleEvent, 'id'>[] = [];
  for (let client = 0; client < clients; client++) {
    const sessions = client % BUSY_CLIENT === 0 ? 2 : 1;
    for (let session = 0; session < sessions; session++) {
      const begins = random.integer(0, seconds - SESSION_SECONDS);
      for (let count = 0; count < perDay; count++) {
        const instant = startsAt + (begins + random.integer(0, SESSION_SECONDS - 1)) * SECOND + random.integer(0, 999);
        events.push(sampleEvent(random, sampleClientId(client), instant, calendar, load.meters));
      }
    }
  }
  return events.sort((one, other) => one.instant - other.instant);
}

function eventsPerClientDay(events: number, clients: number, days: number): number {
  return Math.ceil(events / (clients * days));
}

/** Answers a malformed event at each call, of one kind after the other. */
function malformedEvents(load: SampleLoad, random: Random, expectation: Expectation): (like: SampleEvent) => Delivery {
  let made = 0;
  const names = MALFORMED_KIND_NAMES.filter((name) => load.meters === 'all' || !needsRegistry(name));
  return (like) => {
    const kind = names[made % names.length] ?? 'not JSON';
    const event = { ...like, id: `${load.seed}-malformed-${++made}` };
    expectation.addMalformed(reasonOf(kind));
    return { text: malformedText(kind, event, random, load.window), malformed: kind };
  };
}

/** Cuts deliveries into message bodies: single events and arrays (the CloudEvents batch format), some sent twice. */
function* bodiesOf(deliveries: readonly Delivery[], random: Random, expectation: Expectation): Generator<string> {
  let again: { body: string; deliveries: number } | undefined;
  const send = (body: string, count: number) => {
    expectation.deliveries += count;
    expectation.messages += 1;
    return body;
  };
  for (let next = 0; next < deliveries.length; ) {
    const taken = takeForOneMessage(deliveries, next, random);
    next += taken.length;
    const body = bodyOf(taken, random);
    yield send(body, taken.length);
    if (taken.every(({ malformed }) => !malformed) && random.happens(RATES.repeatedMessage)) {
      if (again) yield send(again.body, again.deliveries);
      again = { body, deliveries: taken.length };
    }
  }
  if (again) yield send(again.body, again.deliveries);
}

function takeForOneMessage(deliveries: readonly Delivery[], from: number, random: Random): Delivery[] {
  const most = random.happens(RATES.singleMessage) ? 1 : random.integer(2, LONGEST_ARRAY);
  const taken: Delivery[] = [];
  for (const delivery of deliveries.slice(from, from + most)) {
    const alone = delivery.malformed !== undefined && standsAlone(delivery.malformed);
    if (alone && taken.length > 0) break;
    taken.push(delivery);
    if (alone) break;
  }
  return taken;
}

function bodyOf(taken: readonly Delivery[], random: Random): string {
  const [first] = taken;
  if (taken.length === 1 && first && (random.happens(900) || (first.malformed && standsAlone(first.malformed)))) {
    return first.text;
  }
  return `[${taken.map(({ text }) => text).join(',')}]`;
}
