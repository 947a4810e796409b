import { BatchWriteCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type PackagePlace, packagesOf } from '../../../cli/commands/packages.ts';
import type { Cloud } from '../../../cli/connection/cloud.ts';
import type { PackageHead, PackageState } from '../../../lib/packages/package.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { packageHeadItem } from '../../../lib/store/package-store.ts';
import { packageHead } from '../../fixtures/package-heads.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const PERIOD = periodOf('2026-11-H1');
const CLIENTS = 230;
const ROWS = 25;

let tables: TestTables;
beforeAll(async () => {
  tables = await startTestTables();
  const items = Array.from({ length: CLIENTS }, (_, number) =>
    packageHeadItem(headOf(`client-${number}`, number % 3 ? 'parked' : 'processed')),
  );
  for (let first = 0; first < items.length; first += 25) {
    const requests = items.slice(first, first + 25).map((Item) => ({ PutRequest: { Item } }));
    await tables.documents.send(new BatchWriteCommand({ RequestItems: { [tables.packages]: requests } }));
  }
});
afterAll(() => tables.stop());

function headOf(clientId: string, state: PackageState): PackageHead {
  return packageHead({
    periodId: PERIOD.id,
    clientId,
    state,
    lastProcessedRevision: state === 'processed' ? 1 : 0,
  });
}

async function rowsAfter(states: readonly PackageState[], after: PackagePlace | undefined): Promise<PackageHead[]> {
  const rows: PackageHead[] = [];
  // All that listing packages asks of a cloud.
  for await (const head of packagesOf({ tables } as unknown as Cloud, PERIOD, states, { after })) {
    rows.push(head);
    if (rows.length === ROWS) break;
  }
  return rows;
}

test.each<[string, PackageState[], number]>([
  ['all heads', ['processed', 'parked'], CLIENTS],
  ['the index of what is outstanding', ['parked'], Math.floor((CLIENTS * 2) / 3)],
])('pages that go on behind the last row list every package once, by %s', async (_by, states, count) => {
  const seen: string[] = [];
  for (let after: PackagePlace | undefined; ; ) {
    const rows = await rowsAfter(states, after);
    seen.push(...rows.map(({ packageId }) => packageId));
    const last = rows.at(-1);
    if (rows.length < ROWS || !last) break;
    after = { state: states[0] ?? 'parked', clientId: last.clientId, part: last.part };
  }

  expect(seen).toHaveLength(count);
  expect(new Set(seen).size).toBe(count);
});
