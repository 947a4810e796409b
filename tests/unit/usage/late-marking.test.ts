import { expect, test } from '@jest/globals';
import type { ConsumptionEvent } from '../../../lib/events/consumption-event.ts';
import { identityOf } from '../../../lib/events/identity.ts';
import { markMissedLateEvents } from '../../../lib/usage/late-marking.ts';
import { emptyPage, planChange, type SlicePage } from '../../../lib/usage/slice-page.ts';
import type { ChangeOutcome, LateEntry, UsageSlices } from '../../../lib/usage/usage-slices.ts';

const SLICE = { clientId: 'acme', day: '2026-11-15', slice: 287 };
const CLOSED_AT = Date.parse('2026-11-17T02:00:00Z');
const CLOSED = { period: '2026-11-H1', closedAt: CLOSED_AT };

const eventOf = (id: string): ConsumptionEvent => ({
  identity: identityOf('test', id),
  origin: { source: 'test', id },
  clientId: 'acme',
  instant: 1_000,
  meter: 'api_calls',
  quantity: '1',
});

/** A page that holds these events, counted at that moment by a writer that took the period for open. */
function pageCountedAt(countedAt: number, events: ConsumptionEvent[], from = emptyPage(0)): SlicePage {
  return planChange(from, events, { phase: 'ended', now: countedAt }).after;
}

/** One slice; `refusals` are the pages that others have made of it whenever it is to be changed. */
class OneSlice implements Pick<UsageSlices, 'loadFrom' | 'markLate'> {
  readonly marked: LateEntry[] = [];
  readonly #page: SlicePage;
  readonly #refusals: (SlicePage | undefined)[];

  constructor(page: SlicePage, refusals: (SlicePage | undefined)[] = []) {
    this.#page = page;
    this.#refusals = refusals;
  }

  async loadFrom(): Promise<SlicePage[]> {
    return [this.#page];
  }

  async markLate(_slice: unknown, _page: SlicePage, late: LateEntry): Promise<ChangeOutcome> {
    if (this.#refusals.length > 0) return { changed: false, current: this.#refusals.shift() };
    this.marked.push(late);
    return { changed: true };
  }
}

const mark = (slice: OneSlice, events: ConsumptionEvent[]) =>
  markMissedLateEvents(slice as unknown as UsageSlices, SLICE, events, CLOSED, CLOSED_AT + 5_000);

const [one, two] = [eventOf('1'), eventOf('2')];

test.each([
  ['a minute before the close, as a write that was on its way then', -60_000, 1],
  ['just before the close', -1, 1],
  ['after the close, by a writer that did not know', 30_000, 1],
  ['longer before the close than any write takes', -60_001, 0],
])('what was counted %s: %i ms, %i listed', async (_when, offset, expected) => {
  const slice = new OneSlice(pageCountedAt(CLOSED_AT + offset, [one]));

  expect(await mark(slice, [one])).toBe(expected);
  expect(slice.marked).toEqual(expected === 0 ? [] : [{ period: '2026-11-H1', events: [one], at: CLOSED_AT + 5_000 }]);
});

test('only events that the page holds, and that are not listed already, are listed', async () => {
  const listed = planChange(emptyPage(0), [one], { phase: 'closed', now: CLOSED_AT }).after;
  const slice = new OneSlice(pageCountedAt(CLOSED_AT, [two], listed));

  expect(await mark(slice, [one, two, eventOf('3')])).toBe(1);
  expect(slice.marked.map(({ events }) => events)).toEqual([[two]]);
});

test('a page that another has changed is looked at again, and one that is gone is left', async () => {
  const page = pageCountedAt(CLOSED_AT, [one, two]);
  const listedByOther = planChange(emptyPage(0), [one], { phase: 'closed', now: CLOSED_AT }).after;
  const changed = pageCountedAt(CLOSED_AT, [two], listedByOther);

  expect(await mark(new OneSlice(page, [changed]), [one, two])).toBe(1);
  expect(await mark(new OneSlice(page, [undefined]), [one, two])).toBe(0);
});
