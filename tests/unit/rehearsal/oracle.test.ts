import { describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { faultPlanOf, kindsOf, without } from '../../../rehearsal/faults.ts';
import { unitsOf, usageOf } from '../../../rehearsal/usage.ts';
import { billedWrong } from '../../../rehearsal/verdict.ts';

const period = periodOf('2026-11-H1');
const load = { period, calendar: new BillingCalendar('UTC', 5), clients: 5, eventsPerClient: 20 };

/** What is in the messages, each event once, added up by hand. */
function consumedIn(bodies: readonly string[]): Map<string, Map<string, bigint>> {
  const met = new Set<string>();
  const sums = new Map<string, Map<string, bigint>>();
  for (const body of bodies) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      continue;
    }
    for (const event of [parsed].flat() as {
      id?: string;
      subject?: string;
      data?: { meter: string; quantity: string };
    }[]) {
      if (!event.subject || !event.id || !event.data || met.has(event.id)) continue;
      met.add(event.id);
      const meters = sums.get(event.subject) ?? new Map<string, bigint>();
      const { meter, quantity } = event.data;
      sums.set(event.subject, meters.set(meter, (meters.get(meter) ?? 0n) + unitsOf(quantity)));
    }
  }
  return sums;
}

describe('the usage of a rehearsal', () => {
  test.each([1, 2, 3, 4, 5])('holds what its expectation says, however often it is repeated (seed %i)', (seed) => {
    const { waves, expected, events } = usageOf(seed, load);
    const all = waves.flatMap(({ bodies }) => bodies);

    expect(consumedIn(waves[0]?.bodies ?? [])).toEqual(expected[0]);
    expect(consumedIn(all)).toEqual(expected[1]);
    expect(all.join('').split('"specversion"').length - 1).toBeGreaterThan(events);
  });

  test('is the same for the same seed, and another for another', () => {
    expect(usageOf(7, load)).toEqual(usageOf(7, load));
    expect(usageOf(7, load).waves).not.toEqual(usageOf(8, load).waves);
  });
});

describe('the verdict', () => {
  const expected = new Map([['acme', new Map([['kwh', unitsOf('1.000000000001')]])]]);
  const found = (processed: Record<string, Record<string, string>>) => billedWrong(processed, { period, expected });

  test('is silent when the last digit agrees', () => {
    expect(found({ '2026-11-H1 acme': { kwh: '1.000000000001' } })).toEqual([]);
  });

  test.each([
    ['a digit that is lost', { '2026-11-H1 acme': { kwh: '1' } }],
    ['a client that was not billed', {}],
    ['a meter that nobody consumed', { '2026-11-H1 acme': { kwh: '1.000000000001', gb: '1' } }],
    ['a client that consumed nothing', { '2026-11-H1 acme': { kwh: '1.000000000001' }, '2026-11-H1 globex': {} }],
  ])('names %s', (_what, processed: Record<string, Record<string, string>>) => {
    expect(found(processed)).toHaveLength(1);
  });
});

describe('the faults of a seed', () => {
  test('are the same each time, none at intensity 0, and every kind within 30 seeds', () => {
    const seeds = Array.from({ length: 30 }, (_, seed) => seed);

    expect(faultPlanOf(3, 1)).toEqual(faultPlanOf(3, 1));
    expect(seeds.flatMap((seed) => kindsOf(faultPlanOf(seed, 0)))).toEqual([]);
    expect(new Set(seeds.flatMap((seed) => kindsOf(faultPlanOf(seed, 1)))).size).toBe(30);
  });

  test('can be left out one by one', () => {
    const plan = faultPlanOf(3, 1);
    const [first = '', ...others] = kindsOf(plan);

    expect(kindsOf(without(plan, first))).toEqual(others);
  });
});
