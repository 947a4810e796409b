import { expect, test } from '@jest/globals';
import { rehearseApart } from '../../rehearsal/rehearse-apart.ts';

const SEEDS = 3;

/** `npm run rehearse` plays many more, and larger ones. */
test('the whole service, with things going wrong everywhere, bills what was consumed and nothing else', async () => {
  const results = await rehearseApart(['--seed', '21', '--runs', String(SEEDS), '--clients', '3', '--events', '6']);

  expect(results.map(({ seed, findings }) => ({ seed, findings }))).toEqual(
    Array.from({ length: SEEDS }, (_, index) => ({ seed: 21 + index, findings: [] })),
  );
  const happened = results.flatMap((result) => Object.values(result.happened));
  expect(happened.reduce((sum, times) => sum + times, 0)).toBeGreaterThan(10 * SEEDS);
}, 900_000);
