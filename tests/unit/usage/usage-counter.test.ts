import { expect, test } from '@jest/globals';
import type { ConsumptionEvent } from '../../../lib/events/consumption-event.ts';
import { identityOf } from '../../../lib/events/identity.ts';
import type { PageChange } from '../../../lib/usage/slice-page.ts';
import { UsageCounter } from '../../../lib/usage/usage-counter.ts';
import { UTC_CALENDAR } from '../../fixtures/counting.ts';

const END = Date.parse('2026-11-16T00:00:00Z');
const MINUTE = 60_000;

/** Counts one event of the period's last day at that moment; tells the page that was written, and what was asked. */
async function countAt(now: number, closedAt?: number) {
  const written: PageChange[] = [];
  const asked: string[] = [];
  const counter = new UsageCounter({
    slices: {
      loadPages: async () => new Map(),
      loadFrom: async () => [],
      change: async (_slice, change) => {
        written.push(change);
        return { changed: true };
      },
      markLate: async () => ({ changed: true }),
    },
    marks: { learn: async () => {}, ensure: async () => {} },
    closings: {
      closedAt: async (period) => {
        asked.push(`before ${period}`);
        return closedAt;
      },
      closedAtNow: async (period) => {
        asked.push(`after ${period}`);
        return closedAt;
      },
    },
    control: { put: async () => {} },
    calendar: UTC_CALENDAR,
    concurrency: 4,
    now: () => now,
  });
  const event: ConsumptionEvent = {
    identity: identityOf('test', '1'),
    origin: { source: 'test', id: '1' },
    clientId: 'acme',
    instant: END - 1,
    meter: 'api_calls',
    quantity: '1',
  };
  const outcome = await counter.count([{ event, message: 0 }]);
  return { outcome, page: written.at(-1)?.after, asked };
}

test.each([
  ['16 minutes before the end', -16 * MINUTE, false],
  ['15 minutes and a moment before', -15 * MINUTE - 1, false],
  ['15 minutes before: some clock may say that it has ended', -15 * MINUTE, true],
  ['a minute before', -MINUTE, true],
  ['ten minutes after', 10 * MINUTE, true],
])(
  'an event that is counted %s stands on a page that lasts, and its close is asked for: %i ms, %s',
  async (_when, offset, isEnded) => {
    const { page, asked, outcome } = await countAt(END + offset);

    expect(outcome).toMatchObject({ counted: 1, late: 0 });
    expect(page?.lasting).toBe(isEnded);
    expect(asked).toEqual(isEnded ? ['before 2026-11-H1', 'after 2026-11-H1'] : []);
  },
);

test('an event of a closed period is late', async () => {
  const { page, outcome, asked } = await countAt(END + 3 * MINUTE, END + MINUTE);

  expect(outcome).toMatchObject({ counted: 1, late: 1 });
  expect(page?.late.size).toBe(1);
  expect(asked).toEqual(['before 2026-11-H1']);
});
