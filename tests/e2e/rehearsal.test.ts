import { expect, test } from '@jest/globals';
import { faultPlanOf } from '../../rehearsal/faults.ts';
import { rehearse } from '../../rehearsal/rehearsal.ts';

/** `npm run rehearse` plays many more, and larger ones. */
test('the whole service, with things going wrong everywhere, bills what was consumed and nothing else', async () => {
  const plan = faultPlanOf(2, 1);

  const result = await rehearse({ seed: 2, plan, clients: 4, eventsPerClient: 15 });

  expect(result.findings).toEqual([]);
  expect(Object.values(result.happened).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(10);
  expect(result.events).toBeGreaterThan(60);
}, 600_000);
