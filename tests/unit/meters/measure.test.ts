import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { archiveLine, readArchiveLine } from '../../../lib/archive/archive-line.ts';
import { addUpRevisions, totalsOfLines } from '../../../lib/certificate/kept-document.ts';
import { add, compare } from '../../../lib/decimal/decimal.ts';
import { type ConsumptionEvent, METER_FORM } from '../../../lib/events/consumption-event.ts';
import { hexOfIdentity } from '../../../lib/events/identity.ts';
import {
  kindOfMeasure,
  METER_KINDS,
  type MeterKind,
  measureOf,
  meterOfMeasure,
  quantitiesOf,
  quantitiesOfDays,
} from '../../../lib/meters/measure.ts';
import { DayFold, type FoldedDay, fullerDay } from '../../../lib/packages/day-fold.ts';
import { differenceOf } from '../../../lib/packages/difference.ts';
import { linesOf, type PackageDocument } from '../../../lib/packages/document.ts';
import { emptyPage, type PeriodPhase, planChange, type SlicePage } from '../../../lib/usage/slice-page.ts';
import { namedEvent } from '../../fixtures/consumption-events.ts';

const quantity = fc.integer({ min: -40, max: 400 }).map((units) => add('0', String(units / 8)));

/** Distinct events of one day, few instants and meters among them, so that they meet. */
const events: fc.Arbitrary<ConsumptionEvent[]> = fc
  .array(
    fc.record({ kind: fc.constantFrom(...METER_KINDS), meter: fc.constantFrom('a', 'b'), minute: fc.nat(5), quantity }),
    { minLength: 1, maxLength: 40 },
  )
  .map((drafts) =>
    drafts.map(({ kind, meter, minute, quantity: given }, index) => ({
      ...namedEvent('/test', String(index)),
      clientId: 'ada',
      instant: Date.UTC(2026, 10, 3, 0, minute),
      meter,
      quantity: kind === 'count' ? '1' : given,
      ...(kind === 'sum' ? {} : { kind }),
    })),
  );

/** What events come to, by the words of the documentation alone. */
function due(all: readonly ConsumptionEvent[]): Record<string, string> {
  const groups = Map.groupBy(all, ({ meter, kind }) => measureOf(meter, kind));
  return Object.fromEntries([...groups].map(([measure, members]) => [measure, dueOf(kindOfMeasure(measure), members)]));
}

function dueOf(kind: MeterKind, members: ConsumptionEvent[]): string {
  const order = (event: ConsumptionEvent) => `${event.instant} ${hexOfIdentity(event.identity)}`;
  switch (kind) {
    case 'count':
      return String(members.length);
    case 'maximum':
      return (
        members
          .map((event) => event.quantity)
          .sort(compare)
          .at(-1) ?? ''
      );
    case 'latest':
      return [...members].sort((one, other) => (order(one) < order(other) ? -1 : 1)).at(-1)?.quantity ?? '';
    default:
      return members.reduce((sum, event) => add(sum, event.quantity), '0');
  }
}

/** Counts batches page by page, as writers do; so many events end each page. */
function pagesOf(batches: readonly ConsumptionEvent[][], phase: PeriodPhase, pageLength: number): SlicePage[] {
  const pages: SlicePage[] = [];
  let open = emptyPage(0);
  for (const batch of batches) {
    for (let rest = batch; rest.length > 0; ) {
      const { events: taken, after } = planChange(open, rest, { phase, now: 5_000 });
      rest = rest.slice(taken.length);
      const isFull = after.identities.size >= pageLength;
      if (isFull) pages.push(after);
      open = isFull ? emptyPage(after.number + 1) : after;
    }
  }
  return open.version > 0 ? [...pages, open] : pages;
}

function foldOfPages(pages: readonly SlicePage[], begun?: FoldedDay): FoldedDay {
  const fold = new DayFold(begun);
  for (const { totals, identities, lasting } of pages) {
    fold.add({ totals, events: identities.size, isLasting: lasting });
  }
  return fold.result();
}

/** Events in any order, cut into batches in any way. */
const arrivals = events.chain((given) =>
  fc
    .tuple(fc.shuffledSubarray(given, { minLength: given.length }), fc.array(fc.integer({ min: 1, max: 9 })))
    .map(([shuffled, cuts]) => {
      const batches: ConsumptionEvent[][] = [];
      let rest = shuffled;
      for (const cut of [...cuts, rest.length]) {
        if (rest.length > 0) batches.push(rest.slice(0, cut));
        rest = rest.slice(cut);
      }
      return { given, batches };
    }),
);

test('a measure says its meter and kind, and no meter can be taken for a measure', () => {
  for (const kind of METER_KINDS) {
    const measure = measureOf('seats', kind);
    expect([meterOfMeasure(measure), kindOfMeasure(measure)]).toEqual(['seats', kind]);
    expect(METER_FORM.test(measure)).toBe(kind === 'sum');
  }
});

test('the archive keeps the kind by which an event was counted', () => {
  fc.assert(
    fc.property(events, (given) => {
      const kept = given.map((event) => readArchiveLine(archiveLine('counted', event)));

      expect(kept.map(({ meter, kind }) => measureOf(meter, kind))).toEqual(
        given.map(({ meter, kind }) => measureOf(meter, kind)),
      );
    }),
  );
});

test('in whatever order, batches and pages events arrive, a day comes to the same', () => {
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 1, max: 12 }), fc.nat(10), ({ given, batches }, length, cut) => {
      const pages = pagesOf(batches, 'running', length);

      // A worker that ran short of time goes on from what it had folded.
      const folded = foldOfPages(pages.slice(cut), foldOfPages(pages.slice(0, cut)));

      expect(quantitiesOf(folded.totals)).toEqual(due(given));
      expect(folded.events).toBe(given.length);
    }),
  );
});

test('a day whose slices have expired takes in what came late, by the kind of each meter', () => {
  fc.assert(
    fc.property(arrivals, fc.nat(10), fc.nat(10), ({ given, batches }, early, later) => {
      const passing = pagesOf(batches.slice(0, early), 'running', 5);
      const lasting = pagesOf(batches.slice(early), 'closed', 5);
      const kept = foldOfPages([...passing, ...lasting.slice(0, later)]);

      const day = fullerDay(kept, foldOfPages(lasting));

      expect(quantitiesOf(day.totals)).toEqual(due(given));
      expect(day.events).toBe(given.length);
    }),
  );
});

describe('days in a period', () => {
  const days = fc
    .uniqueArray(fc.record({ day: fc.integer({ min: 1, max: 15 }), events }), {
      selector: ({ day }) => day,
      maxLength: 6,
    })
    .map((drafts) =>
      drafts
        .sort((one, other) => one.day - other.day)
        .map(({ day, events: given }) => ({
          day: `2026-11-${String(day).padStart(2, '0')}`,
          given: given.map((event) => ({ ...event, instant: event.instant + (day - 3) * 86_400_000 })),
        })),
    );
  const usageOf = (drafts: readonly { day: string; given: ConsumptionEvent[] }[]) =>
    drafts.map(({ day, given }) => ({ day, ...foldOfPages(pagesOf([given], 'running', 7)) }));
  const withoutZeros = (quantities: Record<string, string>) =>
    Object.fromEntries(Object.entries(quantities).filter(([, each]) => each !== '0'));

  test('come to what all their events come to, on lines as in sums', () => {
    fc.assert(
      fc.property(days, (drafts) => {
        const all = drafts.flatMap(({ given }) => given);
        const usage = usageOf(drafts);

        expect(quantitiesOfDays(usage)).toEqual(due(all));
        expect(totalsOfLines(linesOf(usage))).toEqual(withoutZeros(due(all)));
      }),
    );
  });

  test('are corrected by differences that add up to the new lines, whatever the kind', () => {
    fc.assert(
      fc.property(days, days, days, (...revisions) => {
        const documents = new Map(
          revisions.map((drafts, index, all) => {
            const lines = linesOf(usageOf(drafts));
            const before = index === 0 ? undefined : linesOf(usageOf(all[index - 1] ?? []));
            const difference = before && { sinceRevision: index, lines: differenceOf(before, lines) };
            return [index + 1, { revision: index + 1, lines, ...(difference ? { difference } : {}) }];
          }),
        ) as unknown as Map<number, PackageDocument>;
        const last = documents.get(revisions.length);
        if (!last) throw new RangeError('there are three');

        expect(addUpRevisions(last, documents)).toEqual(totalsOfLines(last.lines));
      }),
    );
  });
});
