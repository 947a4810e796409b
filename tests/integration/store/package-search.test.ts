import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { bucketOf } from '../../../lib/store/keys.ts';
import { PackageReader } from '../../../lib/store/package-reader.ts';
import { loadPeriodStates } from '../../../lib/store/period-states.ts';
import { RunStore } from '../../../lib/store/run-store.ts';
import { TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { makePackage } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await startTestTables();
});
afterAll(() => tables.stop());

test('packages in one state are found among all, each once, and a search goes on after any package', async () => {
  const clients = Array.from({ length: 60 }, (_, index) => `client-${index}`);
  await Promise.all(
    clients.map((clientId, index) =>
      makePackage(tables, clientId, { state: index % 3 === 0 ? 'rejected' : 'processed' }),
    ),
  );
  const reader = new PackageReader(tables);
  const search = async (after?: { clientId: string; part: number }) => {
    const found: string[] = [];
    for await (const { heads } of reader.lookFor(TEST_PERIOD, 'rejected', after))
      found.push(...heads.map(({ clientId }) => clientId));
    return found;
  };

  const all = await search();

  expect(all.toSorted()).toEqual(clients.filter((_, index) => index % 3 === 0).toSorted());
  for (const [index, clientId] of all.entries())
    expect(await search({ clientId, part: 1 })).toEqual(all.slice(index + 1));
});

test('an answer that is cut at a megabyte names the package that was looked at last, and the search goes on there', async () => {
  const bucketMates = Array.from({ length: 2_000 }, (_, index) => `long-${index}`)
    .filter((clientId) => bucketOf(clientId) === 3)
    .slice(0, 6);
  for (const clientId of bucketMates)
    await makePackage(tables, clientId, { state: 'processed', reason: 'r'.repeat(300_000) });
  const lasts: { clientId: string; part: number }[] = [];
  for await (const { last } of new PackageReader(tables).lookFor(TEST_PERIOD, 'rejected')) if (last) lasts.push(last);

  expect(lasts.length).toBeGreaterThan(0);
  for (const last of lasts)
    expect({ ...last, isMate: bucketMates.includes(last.clientId) }).toMatchObject({ part: 1, isMate: true });
});

test('the states of many periods come in one answer, and an open period has none', async () => {
  const runs = new RunStore(tables);
  await runs.markFinished('2026-09-H1', 'run-1', '2026-09-17T02:00:00.000Z');
  await runs.markClosed('2026-10-H2', 'run-2', '2026-11-02T02:00:00.000Z');

  const states = await loadPeriodStates(tables, ['2026-09-H1', '2026-09-H2', '2026-10-H2']);

  expect([...states.keys()].sort()).toEqual(['2026-09-H1', '2026-10-H2']);
  for (const [id, state] of states) expect(state).toMatchObject((await runs.loadPeriodState(id)) ?? {});
});
