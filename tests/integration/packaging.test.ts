import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

let tables: TestTables;
let world: PackagingWorld;
beforeAll(async () => {
  tables = await startTestTables();
});
afterAll(() => tables.stop());
beforeEach(() => {
  world = new PackagingWorld(tables);
});

test('a first close makes one package per client with exact totals per meter and day', async () => {
  await world.putSlice({ clientId: 'ada', day: '2026-11-01', slice: 0, totals: { calls: '0.1', gb: '2' }, events: 2 });
  await world.putSlice({ clientId: 'ada', day: '2026-11-01', slice: 7, totals: { calls: '0.2' } });
  await world.putSlice({ clientId: 'ada', day: '2026-11-15', slice: 3, totals: { calls: '1' } });
  await world.putSlice({ clientId: 'bob', day: '2026-11-02', totals: { calls: '5' } });

  const summary = await world.close();

  expect(summary).toMatchObject({
    periodId: '2026-11-H1',
    clients: 2,
    clientDays: 3,
    events: 5,
    usage: { calls: '6.3', gb: '2' },
    packages: { processed: 2 },
    difference: { calls: '6.3', gb: '2' },
  });
  const [head] = (await world.heads()).filter(({ clientId }) => clientId === 'ada');
  if (!head) throw new Error('ada has no package');
  expect(await world.document(head)).toMatchObject({
    packageId: '2026-11-H1.ada',
    revision: 1,
    lines: [
      {
        meter: 'calls',
        quantity: '1.3',
        days: [
          { day: '2026-11-01', quantity: '0.3' },
          { day: '2026-11-15', quantity: '1' },
        ],
      },
      { meter: 'gb', quantity: '2', days: [{ day: '2026-11-01', quantity: '2' }] },
    ],
  });
});
