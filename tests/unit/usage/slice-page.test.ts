import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ConsumptionEvent } from '../../../lib/events/consumption-event.ts';
import {
  bytesOfPage,
  emptyPage,
  MAXIMUM_EVENTS_AFTER_PERIOD_END,
  MAXIMUM_PAGE_BYTES,
  type PeriodPhase,
  planChange,
  type SlicePage,
  writeUnits,
} from '../../../lib/usage/slice-page.ts';
import { namedEvent } from '../../fixtures/consumption-events.ts';

let made = 0;
function eventOf(fields: Partial<ConsumptionEvent> = {}): ConsumptionEvent {
  made += 1;
  return {
    ...namedEvent('test', String(made)),
    clientId: 'client',
    instant: 1_000 + made,
    meter: 'api_calls',
    quantity: '0.1',
    ...fields,
  };
}
const eventsOf = (count: number, fields?: Partial<ConsumptionEvent>) =>
  Array.from({ length: count }, () => eventOf(fields));

/** Writes events in batches as a counter does; answers the pages and what the writes cost. */
function write(batches: ConsumptionEvent[][], phase: PeriodPhase = 'running'): { pages: SlicePage[]; units: number } {
  const pages: SlicePage[] = [];
  let open = emptyPage(0);
  let units = 0;
  for (const batch of batches) {
    for (let rest = batch; rest.length > 0; ) {
      const { events, after } = planChange(open, rest, { phase, now: 5_000 });
      units += writeUnits(bytesOfPage(after));
      rest = rest.slice(events.length);
      if (after.sealed) pages.push(after);
      open = after.sealed ? emptyPage(after.number + 1) : after;
    }
  }
  return { pages: open.version > 0 ? [...pages, open] : pages, units };
}

test('a change adds up exactly and remembers first and last', () => {
  const first = planChange(
    emptyPage(0),
    [eventOf({ instant: 20 }), eventOf({ instant: 10, meter: 'b', quantity: '-7' })],
    {
      phase: 'running',
      now: 5,
    },
  ).after;
  const { after } = planChange(first, [eventOf({ instant: 30, quantity: '0.2' })], { phase: 'running', now: 6 });

  expect(Object.fromEntries(after.totals)).toEqual({ api_calls: '0.3', b: '-7' });
  expect(after).toMatchObject({ version: 2, sealed: false, firstEventAt: 10, lastEventAt: 30, countedAt: 6 });
  expect(after.identities.size).toBe(3);
});

test('only a change in a closed period lists its events as late, and it leaves alone when others were counted in time', () => {
  const inTime = planChange(emptyPage(0), [eventOf()], { phase: 'ended', now: 5 }).after;
  const late = eventOf();
  const { after } = planChange(inTime, [late], { phase: 'closed', now: 9 });

  expect([...after.late]).toEqual([late.identity]);
  expect(after.countedAt).toBe(5);
});

describe('what writes cost', () => {
  test('seven events a minute, two minutes a batch, stay on one page at one unit a write', () => {
    const { pages, units } = write([eventsOf(14), eventsOf(14), eventsOf(7)]);
    expect([pages.length, units]).toEqual([1, 3]);
  });

  test('a trickle of thousands costs about one unit a write, not one for every KB that is there', () => {
    const { units } = write(Array.from({ length: 2_000 }, () => eventsOf(1)));
    expect(units).toBeLessThan(2_000 * 1.05);
  });

  test('a flood costs what its identities weigh', () => {
    const { units } = write(Array.from({ length: 10 }, () => eventsOf(6_000)));
    expect(units / 60_000).toBeLessThan(0.017);
  });

  test('whatever the batches, no more than their own size and a unit each, and a page never passes its bound', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 15 }), (sizes) => {
        const { pages, units } = write(sizes.map((size) => eventsOf(size)));
        const ownSize = sizes.reduce((sum, size) => sum + (size * 16) / 1024, 0);
        expect(units).toBeLessThanOrEqual(ownSize + 2 * sizes.length);
        for (const page of pages) expect(bytesOfPage(page)).toBeLessThanOrEqual(MAXIMUM_PAGE_BYTES);
      }),
      { numRuns: 30 },
    );
  });
});

test('5,000 meters with the longest names are cut into pages that an item can hold', () => {
  const events = Array.from({ length: 5_000 }, (_, number) => eventOf({ meter: `${'m'.repeat(60)}${number}` }));

  const { pages } = write([events]);

  expect(pages.length).toBeGreaterThan(2);
  for (const page of pages) expect(bytesOfPage(page)).toBeLessThan(400 * 1024);
  expect(pages.reduce((sum, { totals }) => sum + totals.size, 0)).toBe(5_000);
});

test('once a period has ended, a page takes no more events than could be listed as late in it', () => {
  const { pages } = write([eventsOf(2_500)], 'ended');
  expect(pages.map(({ identities }) => identities.size)).toEqual([
    MAXIMUM_EVENTS_AFTER_PERIOD_END,
    MAXIMUM_EVENTS_AFTER_PERIOD_END,
    500,
  ]);
});

test('a page of the running period takes nothing more once the period has ended, and the next one lasts', () => {
  const running = planChange(emptyPage(0), [eventOf()], { phase: 'running', now: 5 }).after;

  const sealing = planChange(running, [eventOf()], { phase: 'ended', now: 6 });
  const next = planChange(emptyPage(1), [eventOf()], { phase: 'ended', now: 7 });

  expect(sealing).toEqual({ events: [], after: { ...running, version: 2, sealed: true } });
  expect(running.lasting).toBe(false);
  expect(next.after).toMatchObject({ lasting: true, version: 1 });
  expect(planChange(next.after, [eventOf()], { phase: 'closed', now: 8 })).toMatchObject({
    events: [expect.anything()],
    after: { lasting: true },
  });
});
