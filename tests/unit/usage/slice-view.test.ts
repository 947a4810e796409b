import { expect, test } from '@jest/globals';
import { emptyPage, type SlicePage } from '../../../lib/usage/slice-page.ts';
import { SliceCache, SliceView, Staleness } from '../../../lib/usage/slice-view.ts';

function pageOf(number: number, identities: string[], sealed: boolean): SlicePage {
  return { ...emptyPage(number), version: 1, sealed, identities: new Set(identities) };
}

test('a view knows the identities of sealed pages and of the open one', () => {
  const view = new SliceView();
  view.absorb(pageOf(0, ['a'], true));
  view.absorb(pageOf(1, ['b'], false));

  expect(['a', 'b', 'c'].map((identity) => view.holds(identity))).toEqual([true, true, false]);
  expect(view.open.number).toBe(1);
});

test('a page out of order is refused', () => {
  expect(() => new SliceView().absorb(pageOf(1, [], false))).toThrow(RangeError);
});

test('a query that shows a page as it was before another instance sealed it, and the next beside it, breaks nothing', () => {
  const view = new SliceView();
  view.absorbAll([pageOf(0, ['a'], true), pageOf(1, ['b'], false), pageOf(2, ['c'], false)]);

  expect(['a', 'b', 'c'].map((identity) => view.holds(identity))).toEqual([true, true, false]);
  expect(view.open.number).toBe(1);
});

test('the cache lets go of what was not used for longest when it takes too many bytes', () => {
  const viewOf = (identities: string[]) => {
    const view = new SliceView();
    view.absorb(pageOf(0, identities, false));
    return view;
  };
  const cache = new SliceCache(3 * viewOf(['a', 'b', 'c']).bytes);
  cache.keep('first', viewOf(['a', 'b', 'c']));
  cache.keep('second', viewOf(['d', 'e', 'f']));
  cache.keep('first', viewOf(['a', 'b', 'c', 'g']));
  cache.keep('third', viewOf(['h', 'i']));

  expect(['first', 'second', 'third'].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true]);
});

test('memory is relied on until more than one in ten was overtaken, and again when that is over', () => {
  const staleness = new Staleness();
  for (let count = 0; count < 5; count++) staleness.observe(true);
  expect(staleness.isLow).toBe(false);
  for (let count = 0; count < 50; count++) staleness.observe(false);
  expect(staleness.isLow).toBe(true);
});
