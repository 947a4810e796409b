import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { UnknownVersion } from '../../../lib/errors/halfmonth-error.ts';
import { readBooks } from '../../../lib/store/client-reader.ts';
import { bucketOf, type PrimaryKey, packageDocumentKey, periodKey } from '../../../lib/store/keys.ts';
import { PackageReader } from '../../../lib/store/package-reader.ts';
import { PackagingWorld } from '../../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
let world: PackagingWorld;
beforeAll(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
});
afterAll(() => tables.stop());

/** As if a newer version had written the item. */
async function writeAnew(table: string, { pk, sk }: PrimaryKey): Promise<void> {
  await tables.documents.send(
    new UpdateCommand({
      TableName: table,
      Key: { pk, sk },
      UpdateExpression: 'SET schemaVersion = :two',
      ExpressionAttributeValues: { ':two': 2 },
    }),
  );
}

test('reading a revision or the runs of a period refuses what a newer version has written', async () => {
  await world.count({ clientId: 'ada', day: '2026-11-03', quantity: '5' });
  const run = await world.package();
  await writeAnew(tables.packages, packageDocumentKey('2026-11-H1', 'ada', 1, 1));
  await writeAnew(tables.runs, periodKey('2026-11-H1', 'run', run.startedAt, run.runId));
  const reader = new PackageReader(tables);
  const allBooks = async () => {
    const read = tables;
    for await (const _books of readBooks(read, '2026-11-H1', bucketOf('ada')));
  };

  await expect(world.packages.loadRevision('2026-11-H1', 'ada', 1, 1)).rejects.toThrow(UnknownVersion);
  await expect(reader.revisionsOfClient('2026-11-H1', 'ada')).rejects.toThrow(UnknownVersion);
  await expect(allBooks()).rejects.toThrow(UnknownVersion);
  await expect(world.runs.listRunRecords('2026-11-H1')).rejects.toThrow(UnknownVersion);
});
