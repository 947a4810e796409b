import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { varianceOfPeriod } from '../../../cli/periods/period-variance.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { PackagingWorld } from '../../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const CLOSED = ['2026-10-H1', '2026-10-H2', '2026-11-H1'];
const PERIOD = '2026-11-H2';

let tables: TestTables;

// Three closed periods, and one that is counted and not packaged yet.
beforeAll(async () => {
  tables = await startTestTables();
  const world = new PackagingWorld(tables);
  world.eventMaxAgeDays = 90;
  for (const [day, quantity] of [
    ['2026-10-03', '100'],
    ['2026-10-20', '110.5'],
    ['2026-11-03', '90'],
  ] as const) {
    await world.count(
      { clientId: 'steady', day, quantity },
      { clientId: 'spike', day, quantity },
      { clientId: 'silent', day, quantity },
      { clientId: 'silent', day, quantity: '1', meter: 'storage' },
      { clientId: 'vanished', day, quantity },
    );
  }
  world.now = Date.parse('2026-12-02T12:00:00Z');
  for (const period of CLOSED) await world.close({ period }, () => world.processAll(period));
  await world.count(
    { clientId: 'steady', day: '2026-11-20', quantity: '60' },
    { clientId: 'steady', day: '2026-11-21', quantity: '45.25' },
    { clientId: 'spike', day: '2026-11-20', quantity: '1000' },
    { clientId: 'silent', day: '2026-11-20', quantity: '1', meter: 'storage' },
    { clientId: 'new', day: '2026-11-20', quantity: '1' },
  );
});
afterAll(() => tables.stop());

test('before a period is packaged, it is known what is unlike the closed periods before it', async () => {
  const { before, clients, variances } = await varianceOfPeriod(tables, periodOf(PERIOD), 6);

  expect(before).toEqual(CLOSED.toReversed());
  expect(clients).toBe(5);
  expect(variances).toEqual([
    { clientId: 'new', kind: 'new-client' },
    { clientId: 'silent', kind: 'silent-meter', meter: 'calls', quantity: '0', median: '100' },
    {
      clientId: 'spike',
      kind: 'above',
      meter: 'calls',
      quantity: '1000',
      median: '100',
      usual: { from: '50', to: '150' },
    },
    { clientId: 'vanished', kind: 'vanished-client' },
  ]);
});

test('a first period has nothing to be unlike', async () => {
  expect(await varianceOfPeriod(tables, periodOf('2026-10-H1'), 6)).toMatchObject({ before: [], variances: [] });
});
