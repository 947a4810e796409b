import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { estimatedSlicesOfMarks, sliceMarkOf } from '../../../lib/usage/slice-marks.ts';

test('a record without marks has no slices', () => {
  expect(estimatedSlicesOfMarks([], 5)).toBe(0);
});

test('a day that is full, one page a slice, has six marks and is estimated exactly', () => {
  const marks = new Set(Array.from({ length: 288 }, (_, slice) => sliceMarkOf(slice, 1, 5)));
  expect(marks.size).toBe(6);
  expect(estimatedSlicesOfMarks(marks, 5)).toBe(288);
});

test('the estimate is never less than what is there', () => {
  const slice = fc.record({ slice: fc.nat({ max: 299 }), pages: fc.integer({ min: 1, max: 200 }) });
  const minutes = fc.constantFrom(1, 5, 10, 15, 30, 60);
  fc.assert(
    fc.property(
      fc.uniqueArray(slice, { selector: ({ slice }) => slice, maxLength: 40 }),
      minutes,
      (slices, sliceMinutes) => {
        const marks = new Set(
          slices.flatMap(({ slice, pages }) =>
            Array.from({ length: pages }, (_, page) => sliceMarkOf(slice, page + 1, sliceMinutes)),
          ),
        );
        const items = slices.reduce((sum, { pages }) => sum + pages, 0);
        expect(estimatedSlicesOfMarks(marks, sliceMinutes)).toBeGreaterThanOrEqual(items);
      },
    ),
    { numRuns: 50 },
  );
});
