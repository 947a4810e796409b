import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Cloud } from '../../../cli/connection/cloud.ts';
import { mayBeParkedIn, openPeriods, watchedPeriods } from '../../../cli/periods/open-periods.ts';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { type PeriodId, periodOf } from '../../../lib/periods/periods.ts';
import { packageHeadItem } from '../../../lib/store/package-store.ts';
import { RunStore } from '../../../lib/store/run-store.ts';
import { packageHead } from '../../fixtures/package-heads.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
let cloud: Cloud;
let requests = 0;
beforeAll(async () => {
  tables = await startTestTables();
  // What the functions under test use of it.
  cloud = {
    tables,
    calendar: new BillingCalendar('UTC', 5),
    outputs: { EventMaxAgeDays: '45' },
  } as unknown as Cloud;
  tables.client.middlewareStack.add(
    (next) => (args) => {
      requests += 1;
      return next(args);
    },
    { step: 'build', name: 'countRequests' },
  );
});
afterAll(() => tables?.stop());

/** A run as open-period and close-period write it down; without `parked` it has not finished. */
interface KeptRun {
  at: string;
  parked?: number;
  clients?: string[];
  mode?: string;
}

async function keepRun(id: PeriodId, run: KeptRun): Promise<void> {
  const { at, parked, clients, mode = 'close' } = run;
  const summary = parked === undefined ? undefined : { packages: { processed: 1, rejected: 0, parked } };
  const record = { runId: `run-${at}`, startedAt: at, mode, clients, summary };
  await new RunStore(tables).updateRunRecord(id, record);
}

test('a year of closed periods is looked at with two reads a period, and what is parked in one of them is found', async () => {
  const periods = watchedPeriods(cloud);
  for (const { id } of periods) {
    await keepRun(id, { at: '2020-01-01T00:00:00.000Z', parked: 0 });
    await new RunStore(tables).markFinished(id, 'run-1', '2020-01-01T00:00:00.000Z');
  }
  requests = 0;
  expect(await openPeriods(cloud)).toEqual([]);
  expect(requests).toBeLessThanOrEqual(2 * periods.length);

  const { id } = periods[3] ?? periodOf('2020-01-H1');
  await keepRun(id, { at: '2020-02-01T00:00:00.000Z' });
  const parked = packageHead({ periodId: id, clientId: 'acme', state: 'parked' });
  await tables.documents.send(new PutCommand({ TableName: tables.packages, Item: packageHeadItem(parked) }));
  expect(await openPeriods(cloud)).toMatchObject([{ period: { id }, packagesParked: 1 }]);
});

test.each<[string, KeptRun[], boolean]>([
  ['no run', [], false],
  ['a preview alone', [{ at: '1', mode: 'preview' }], false],
  ['a run that has not finished', [{ at: '1' }], true],
  ['a run that found some parked', [{ at: '1', parked: 2 }], true],
  ['one over everybody that found none', [{ at: '1' }, { at: '2', parked: 0 }], false],
  [
    'one for some after one that found some',
    [
      { at: '1', parked: 1 },
      { at: '2', parked: 0, clients: ['acme'] },
    ],
    true,
  ],
  ['one that failed after all', [{ at: '1', parked: 0 }, { at: '2' }], true],
])('after %s, packages may be parked: %j', async (name, runs, expected) => {
  const period = periodOf(`19${10 + name.length}-01-H1`);
  for (const run of runs) await keepRun(period.id, { ...run, at: `2020-01-0${run.at}T00:00:00.000Z` });

  expect(await mayBeParkedIn(cloud, period)).toBe(expected);
});
