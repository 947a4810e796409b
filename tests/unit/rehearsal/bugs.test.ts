import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { BUGS } from '../../../rehearsal/bugs.ts';

test.each(BUGS)('there is one place to put this bug back: $name', ({ file, right, wrong }) => {
  const source = readFileSync(file, 'utf8');

  expect(source.split(right)).toHaveLength(2);
  expect(wrong).not.toBe(right);
});
