import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type InterventionKind, interventionOf, SUBJECTS_NAMED } from '../../lib/interventions/intervention.ts';
import { InterventionStore } from '../../lib/store/intervention-store.ts';
import { decisionOfPerson } from '../fixtures/decisions.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

const PERIOD = '2026-11-H1';
let tables: TestTables;
let store: InterventionStore;
beforeAll(async () => {
  tables = await startTestTables();
  store = new InterventionStore(tables);
});
afterAll(() => tables.stop());

const done = (kind: InterventionKind, at: string, subjects: string[] = []) =>
  interventionOf({ kind, subjects, ...decisionOfPerson('why') }, Date.parse(at));

test('two of the same moment are both kept', async () => {
  const at = '2026-10-16T08:00:00.000Z';
  await Promise.all([store.add('2026-10-H1', done('release', at)), store.add('2026-10-H1', done('release', at))]);

  expect(await store.list('2026-10-H1')).toHaveLength(2);
});

test('one about 100,000 packages fits: it counts all and names some', async () => {
  const ids = Array.from({ length: 100_000 }, (_, index) => `2026-09-H1.${'c'.repeat(120)}${index}`);

  await store.add('2026-09-H1', done('release', '2026-09-17T00:00:00Z', ids));

  const [kept] = await store.list('2026-09-H1');
  expect(kept).toMatchObject({ count: 100_000, subjects: ids.slice(0, SUBJECTS_NAMED) });
});

test('a certificate holds those of its period and those of none since it began, in their order', async () => {
  const world = new PackagingWorld(tables);
  world.now = Date.parse('2026-11-03T12:00:00Z');
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '1' });
  await store.add(undefined, done('unblock', '2026-10-31T12:00:00Z'));
  await store.add(undefined, done('replay', '2026-11-04T12:00:00Z', ['rejection-1']));
  await store.add(PERIOD, done('release', '2026-11-17T03:00:00Z', [`${PERIOD}.ada`]));
  await store.add(undefined, done('unblock', '2026-11-17T02:30:00Z'));
  await store.add('2026-11-H2', done('give-up', '2026-11-17T02:45:00Z', ['2026-11-H2.ada']));
  world.now = Date.parse('2026-11-17T04:00:00Z');

  await world.close();

  const [certificate] = await world.certificates.list(PERIOD);
  expect(certificate?.interventions).toEqual([
    done('replay', '2026-11-04T12:00:00Z', ['rejection-1']),
    done('unblock', '2026-11-17T02:30:00Z'),
    done('release', '2026-11-17T03:00:00Z', [`${PERIOD}.ada`]),
  ]);
});
