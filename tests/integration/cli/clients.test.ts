import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readClientFile } from '../../../cli/clients/client-file.ts';
import { ClientStore } from '../../../lib/store/client-store.ts';
import { startTestTables } from '../../fixtures/tables.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfmonth-clients-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const path = join(folder, 'clients.csv');
  writeFileSync(path, text);
  return path;
}

test('who clients are is read from CSV as spreadsheets write it', async () => {
  const path = fileOf('\ufeffclientId,customer,note\r\nacme,cus_1,"a, b"\r\n\r\nother,cus_2,\r\nacme,cus_1,again\r\n');
  expect(await readClientFile(path)).toEqual([
    { clientId: 'acme', customer: 'cus_1' },
    { clientId: 'other', customer: 'cus_2' },
  ]);
});

test('every line that cannot be used is named, and the file is not', async () => {
  const path = fileOf('clientId,customer\nacme,cus_1\nacme,cus_2\nno client,cus_3\nother,\n');
  await expect(readClientFile(path)).rejects.toThrow(
    /line 3: acme is cus_2, and cus_1 in line 2\n {2}line 4: "no client" is no client id\n {2}line 5: customer missing/,
  );
});

test('a file without the columns, without a line, or that is none is refused', async () => {
  await expect(readClientFile(fileOf('client;customer\nacme;cus_1\n'))).rejects.toThrow(
    'clientId and customer missing',
  );
  await expect(readClientFile(fileOf('clientId,customer\n'))).rejects.toThrow('no line besides the heading');
  await expect(readClientFile(join(folder, 'none.csv'))).rejects.toThrow('ENOENT');
});

test('what was said of clients is found again, all of it and one by one', async () => {
  const tables = await startTestTables();
  try {
    const store = new ClientStore(tables);
    for (const clientId of ['acme', 'other', 'third']) await store.save({ clientId, customer: `cus_${clientId}` });
    await store.save({ clientId: 'acme', customer: 'cus_new' });
    const all = [];
    for await (const { clientId, customer } of store.list()) all.push(`${clientId} ${customer}`);
    expect(all.sort()).toEqual(['acme cus_new', 'other cus_other', 'third cus_third']);
    expect(await store.customerOf('acme')).toBe('cus_new');
    expect(await store.customerOf('unknown')).toBeUndefined();
  } finally {
    await tables.stop();
  }
});
