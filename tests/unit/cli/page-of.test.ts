import { expect, test } from '@jest/globals';
import { pageOf } from '../../../console/page-of.ts';

test.each([
  ['2026-11-H1', '/period/2026-11-H1'],
  ['2026-11-H1.acme/eu', '/package/2026-11-H1.acme%2Feu'],
  ['2026-11-H1-20261116T060000123Z', '/run/2026-11-H1-20261116T060000123Z'],
  ['arn:aws:states:eu-central-1:1:execution:machine:run-1', '/run/run-1'],
  ['a&b=c', '/client?id=a%26b%3Dc'],
])('what is named %s has its page', (what, page) => {
  expect(pageOf(what)).toBe(page);
});
