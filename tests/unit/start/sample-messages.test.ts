import { expect, test } from '@jest/globals';
import { MeterSums } from '../../../lib/decimal/meter-sums.ts';
import { acceptanceWindowAt } from '../../../lib/events/consumption-event.ts';
import { readMessage } from '../../../lib/events/message.ts';
import { REJECTION_REASONS } from '../../../lib/events/rejection.ts';
import { MeasureFold, measureOf, quantitiesOf, valueOfEvent } from '../../../lib/meters/measure.ts';
import { rulesOf } from '../../../lib/meters/meter-rules.ts';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { Expectation } from '../../../local/start/expectation.ts';
import { distinctEventsOf, type SampleLoad, sampleMessages } from '../../../local/start/sample-messages.ts';
import { SAMPLE_METERS } from '../../../local/start/sample-meters.ts';

const now = Date.UTC(2026, 10, 22, 12);
const load: SampleLoad = {
  seed: 11,
  period: periodOf('2026-11-H1'),
  clients: 12,
  events: 1_500,
  calendar: new BillingCalendar('Europe/Rome', 5),
  window: { now, maxAgeDays: 45 },
  meters: 'all',
};
const registered = Object.entries(SAMPLE_METERS).map(
  ([name, definition]) => [name, { ...definition, name, version: 1, registeredAt: '' }] as const,
);
const rules = rulesOf(new Map(registered), (instant) => load.calendar.dayOf(instant));

function produce(options: Partial<SampleLoad> = {}) {
  const expectation = new Expectation();
  const bodies = [...sampleMessages({ ...load, ...options }, expectation)];
  const contents = bodies.map((body) => readMessage(body, acceptanceWindowAt(now, 45), rules));
  return { expectation, bodies, contents };
}

test('the same seed makes the same bytes, another seed others', () => {
  expect(produce().bodies).toEqual(produce().bodies);
  expect(produce({ seed: 12 }).bodies).not.toEqual(produce().bodies);
});

test('the distinct valid events are as many as promised, and at least as many as asked for', () => {
  const { expectation, contents } = produce();
  const identities = new Set(contents.flatMap(({ events }) => events.map(({ identity }) => identity)));

  expect(identities.size).toBe(expectation.events());
  expect(expectation.events()).toBe(distinctEventsOf(load));
  expect(expectation.events()).toBeGreaterThanOrEqual(load.events);
});

test('the expected sums are what the distinct events come to by kind, to the last digit', () => {
  const { expectation, contents } = produce();
  const distinct = new Map(contents.flatMap(({ events }) => events.map((event) => [event.identity, event])));
  const folds = new Map<string, MeasureFold>();
  for (const event of distinct.values()) {
    const fold = folds.get(event.clientId) ?? new MeasureFold();
    folds.set(event.clientId, fold.add(measureOf(event.meter, event.kind), valueOfEvent(event)));
  }
  const sums = new MeterSums();
  for (const fold of folds.values()) sums.addAll(quantitiesOf(fold.values()));

  expect(Object.keys(sums.totals())).toHaveLength(8);
  expect(sums.totals()).toEqual(expectation.totals());
});

test('every event lies in the period, in the billing time zone', () => {
  expect(produce().expectation.periodIds).toEqual(['2026-11-H1']);
});

test('malformed events of every kind are rejected for the expected reason', () => {
  const { expectation, contents } = produce();
  const found: Record<string, number> = {};
  for (const { reason } of contents.flatMap(({ rejected }) => rejected)) found[reason] = (found[reason] ?? 0) + 1;

  expect(found).toEqual(expectation.malformed());
  // Which stands for many elements of one message.
  const single = REJECTION_REASONS.filter((reason) => reason !== 'TOO_MANY_FAULTS');
  expect(Object.keys(found).sort()).toEqual([...single].sort());
});

test('whatever the seed, each malformed event is rejected for the expected reason', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { expectation, contents } = produce({ seed });
    const found = contents.flatMap(({ rejected }) => rejected.map(({ reason }) => reason));
    const counted = Object.fromEntries(
      [...new Set(found)].sort().map((reason) => [reason, found.filter((each) => each === reason).length]),
    );

    expect({ seed, counted }).toEqual({ seed, counted: expectation.malformed() });
  }
});

test('producers misbehave: repeated events, repeated messages, mixed batches, late events', () => {
  const { expectation, bodies, contents } = produce();
  const valid = contents.flatMap(({ events }) => events);
  const instants = valid.map(({ instant }) => instant);

  expect(valid.length).toBeGreaterThan(expectation.events());
  expect(new Set(bodies).size).toBeLessThan(bodies.length);
  expect(contents.some(({ events, rejected }) => events.length > 0 && rejected.length > 0)).toBe(true);
  expect(instants.some((instant, index) => instant < (instants[index - 1] ?? 0) - 86_400_000)).toBe(true);
  expect(bodies.some((body) => body.startsWith('{'))).toBe(true);
});
