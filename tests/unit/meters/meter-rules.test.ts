import { describe, expect, test } from '@jest/globals';
import { acceptanceWindowAt } from '../../../lib/events/consumption-event.ts';
import { CORRECTION_SOURCE } from '../../../lib/events/correction.ts';
import { readMessage } from '../../../lib/events/message.ts';
import type { RegisteredMeter } from '../../../lib/meters/meter.ts';
import { InvalidMeterDefinition, parseMeter } from '../../../lib/meters/meter-registration.ts';
import { KNOWN_FOR_MILLISECONDS, MeterRegistry } from '../../../lib/meters/meter-registry.ts';
import { rulesOf } from '../../../lib/meters/meter-rules.ts';
import { consumptionEventText } from '../../fixtures/consumption-events.ts';
import { UTC_CALENDAR } from '../../fixtures/counting.ts';

const NOW = Date.parse('2026-11-10T12:30:00Z');

function registered(name: string, given: object): RegisteredMeter {
  return { ...parseMeter(name, given), name, version: 1, registeredAt: '2026-11-01T00:00:00.000Z' };
}

/** What becomes of one event of a meter with these rules. */
function readWith(given: object, quantity: string | number, time = '2026-11-10T12:00:00Z') {
  const rules = rulesOf(new Map([['m', registered('m', given)]]), (instant) => UTC_CALENDAR.dayOf(instant));
  const text = consumptionEventText({ time, data: { meter: 'm', quantity } });
  const { events, rejected } = readMessage(text, acceptanceWindowAt(NOW, 45), rules);
  return events[0] ?? rejected[0];
}

test('without a registered meter there is nothing that events are put to', () => {
  expect(rulesOf(new Map(), (instant) => UTC_CALENDAR.dayOf(instant))).toBeUndefined();
});

describe('an event of a registered meter', () => {
  test('counts by its kind, and as one where it is counted', () => {
    expect(readWith({}, '2.5')).not.toHaveProperty('kind');
    expect(readWith({ kind: 'count' }, '-2.5')).toMatchObject({ kind: 'count', quantity: '1' });
    expect(readWith({ kind: 'maximum' }, '2.5')).toMatchObject({ kind: 'maximum', quantity: '2.5' });
    expect(readWith({ kind: 'latest' }, '-2.5')).toMatchObject({ kind: 'latest', quantity: '-2.5' });
  });

  test.each([
    [{ sign: 'notNegative' }, '-0.5', 'QUANTITY_OUT_OF_BOUNDS', 'of m it must be zero or more (sign)'],
    [{ kind: 'maximum' }, '-1', 'QUANTITY_OUT_OF_BOUNDS', 'zero or more'],
    [{ minimum: '-3' }, '-3.01', 'QUANTITY_OUT_OF_BOUNDS', 'at least -3 (minimum)'],
    [{ maximum: '99.5' }, 100, 'QUANTITY_OUT_OF_BOUNDS', 'at most 99.5 (maximum)'],
    [{ decimals: 2 }, '1.234', 'QUANTITY_TOO_PRECISE', '2 digits after the decimal point (decimals)'],
    [{ decimals: 0 }, '1.5', 'QUANTITY_TOO_PRECISE', 'must be whole'],
  ])('with %j and the quantity %s is rejected with the bound', (given, quantity, reason, words) => {
    expect(readWith(given, quantity)).toMatchObject({ reason, message: expect.stringContaining(words) });
  });

  test('that takes usage back is bound by nothing, and has a meaning only where quantities add up', () => {
    const take = (kind: string) => {
      const sign = kind === 'sum' ? { sign: 'notNegative' } : {};
      const rules = rulesOf(new Map([['m', registered('m', { kind, ...sign })]]), () => '2026-11-10');
      const text = consumptionEventText({ source: CORRECTION_SOURCE, data: { meter: 'm', quantity: '-1' } });
      const { events, rejected } = readMessage(text, acceptanceWindowAt(NOW, 45), rules);
      return events[0] ?? rejected[0];
    };

    expect(take('sum')).toMatchObject({ quantity: '-1' });
    expect(take('count')).toMatchObject({ kind: 'count', quantity: '-1' });
    expect(take('maximum')).toMatchObject({ reason: 'INVALID_METER', message: expect.stringContaining('a maximum') });
    expect(take('latest')).toMatchObject({ reason: 'INVALID_METER' });
  });

  test('whose quantity is on a bound counts', () => {
    expect(readWith({ minimum: '-3', maximum: '99.5', decimals: 1 }, '99.5')).toMatchObject({ quantity: '99.5' });
    expect(readWith({ minimum: '-3', decimals: 1 }, '-3.0')).toMatchObject({ quantity: '-3' });
  });

  test('counts on its first and last day, and is rejected before and after', () => {
    const active = { activeFrom: '2026-11-09', activeUntil: '2026-11-10' };
    expect(readWith(active, '1', '2026-11-09T00:00:00Z')).toMatchObject({ quantity: '1' });
    expect(readWith(active, '1', '2026-11-10T12:00:00Z')).toMatchObject({ quantity: '1' });
    expect(readWith(active, '1', '2026-11-08T23:59:59Z')).toMatchObject({ reason: 'METER_NOT_ACTIVE' });
    const ended = readWith({ activeUntil: '2026-11-09' }, '1');
    expect(ended).toMatchObject({
      message: 'The event is of 2026-11-10, and m counts until 2026-11-09 (activeFrom, activeUntil).',
    });
  });

  test('that breaks a rule beside good ones keeps its place and its text', () => {
    const rules = rulesOf(new Map([['m', registered('m', { maximum: '1' })]]), () => '2026-11-10');
    const good = consumptionEventText({ data: { meter: 'm', quantity: 1 } });
    const bad = consumptionEventText({ data: { meter: 'm', quantity: 2 } });

    const read = readMessage(`[${good}, ${bad}]`, acceptanceWindowAt(NOW, 45), rules);

    expect(read).toMatchObject({ events: [{ quantity: '1' }], rejected: [{ index: 1, body: bad }] });
  });
});

test.each([
  [{ kind: 'average' }, /kind/],
  [{ minimum: '2', maximum: '1' }, /minimum must not be above maximum/],
  [{ minimum: '1e3' }, /minimum must be a decimal/],
  [{ kind: 'count', decimals: 0 }, /a count takes every quantity/],
  [{ kind: 'maximum', sign: 'any' }, /sign of a maximum is notNegative/],
  [{ activeFrom: '2026-02-30' }, /activeFrom must be a day/],
  [{ activeFrom: '2026-02-02', activeUntil: '2026-02-01' }, /must not be after activeUntil/],
  [{ unit: 'two\nlines' }, /one line of plain text/],
  [{ price: '1' }, /price/],
])('%j is no definition of a meter', (given, fault) => {
  expect(() => parseMeter('m', given)).toThrow(InvalidMeterDefinition);
  expect(() => parseMeter('m', given)).toThrow(fault);
});

test('a process asks once a minute, and reads meters only when they have changed', async () => {
  const asked = { revisions: 0, lists: 0 };
  const stored = { revision: 0, meters: [] as RegisteredMeter[] };
  let now = NOW;
  const entries = {
    revision: async () => {
      asked.revisions += 1;
      return stored.revision;
    },
    list: async () => {
      asked.lists += 1;
      return stored.meters;
    },
  };
  const registry = new MeterRegistry(entries, () => now);

  expect((await registry.current()).size).toBe(0);
  Object.assign(stored, { revision: 1, meters: [registered('m', { unit: 'GB' })] });
  expect((await registry.current()).size).toBe(0);
  now += KNOWN_FOR_MILLISECONDS;
  expect((await registry.current()).get('m')).toMatchObject({ unit: 'GB' });
  now += KNOWN_FOR_MILLISECONDS;
  await registry.current();

  expect(asked).toEqual({ revisions: 3, lists: 1 });
});
