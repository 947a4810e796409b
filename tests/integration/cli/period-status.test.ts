import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Cloud } from '../../../cli/connection/cloud.ts';
import { glanceAtStates, type StateCounts, watchStates } from '../../../cli/periods/period-status.ts';
import type { PackageState } from '../../../lib/packages/package.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { summarizeOutstanding } from '../../../lib/store/package-reader.ts';
import { packageHeadItem } from '../../../lib/store/package-store.ts';
import { packageHead } from '../../fixtures/package-heads.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const PERIOD = periodOf('2026-10-H1');
const NOON = Date.parse('2026-10-17T12:00:00Z');
const BEFORE = '2026-10-17T11:00:00.000Z';
const NOW: StateCounts = { held: 0, ready: 1, sending: 1, submitted: 2, processed: 3, rejected: 1, parked: 1 };

let tables: TestTables;
let cloud: Cloud;

beforeAll(async () => {
  tables = await startTestTables();
  // What the functions under test use of it.
  cloud = { tables } as unknown as Cloud;
});
afterAll(() => tables?.stop());

let made = 0;
beforeEach(async () => {
  made = 0;
  for (const [state, count] of Object.entries(NOW) as [PackageState, number][]) {
    for (let index = 0; index < count; index++) await putHead(state);
  }
});

/** The later a head is made, the longer it has been with the API. */
async function putHead(state: PackageState): Promise<void> {
  made += 1;
  const head = packageHeadItem(
    packageHead({
      periodId: PERIOD.id,
      clientId: `client-${made}`,
      state,
      submittedAt: NOON - made * 60_000,
    }),
  );
  await tables.documents.send(new PutCommand({ TableName: tables.packages, Item: head }));
}

async function glance(kept: StateCounts | undefined) {
  const { states } = await summarizeOutstanding(tables, PERIOD.id);
  return glanceAtStates(cloud, PERIOD, kept && { at: BEFORE, states: kept }, states);
}

test('what remains is summed up by state, with the package that has been with the API longest', async () => {
  const summary = await summarizeOutstanding(tables, PERIOD.id);

  expect(summary).toEqual({
    states: { held: 0, ready: 1, sending: 1, submitted: 2, parked: 1 },
    oldestSubmitted: { packageId: '2026-10-H1.client-4', submittedAt: NOON - 4 * 60_000 },
  });
});

describe('a glance at the states', () => {
  test.each([
    ['a run that has not counted yet', undefined],
    ['a run that counted them as they are', NOW],
    ['packages that moved among what remains since', { ...NOW, ready: 5, sending: 0, submitted: 0, parked: 0 }],
    ['packages that were processed since', { ...NOW, submitted: 4, processed: 1 }],
    ['a package that was rejected since', { ...NOW, parked: 2, rejected: 0 }],
  ])('of %s is what every head says', async (_what, kept) => {
    expect(await glance(kept)).toMatchObject({ states: NOW, isNow: true });
  });
});

describe('watching the states', () => {
  test('reads no head while none has come to its end since the run counted', async () => {
    const tablesRead = new Set<string | undefined>();
    const client = tables.clientWith((query, send) => {
      tablesRead.add(query.IndexName ?? 'heads');
      return send();
    });
    const kept = { ...NOW, ready: 5, sending: 0, submitted: 0, parked: 0 };

    const watched = await watchStates({ tables: { ...tables, client } } as unknown as Cloud, PERIOD, {
      at: BEFORE,
      states: kept,
    });

    expect(watched).toEqual({ states: NOW, isNow: true, finishedSince: 0 });
    expect([...tablesRead]).toEqual(['outstanding']);
  });

  test('tells what remains now, and how many came to their end, where the heads are too many for a glance', async () => {
    const client = tables.clientWith((query, send, signal) =>
      query.IndexName === 'outstanding'
        ? send()
        : // As many heads take it: it answers when nobody waits any more.
          new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    );
    const kept = { ...NOW, submitted: 4, processed: 1 };

    const watched = await watchStates({ tables: { ...tables, client } } as unknown as Cloud, PERIOD, {
      at: BEFORE,
      states: kept,
    });

    expect(watched).toEqual({ states: { ...NOW, processed: 1 }, isNow: false, finishedSince: 2 });
  });
});
