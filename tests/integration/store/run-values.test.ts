import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RunStore } from '../../../lib/store/run-store.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
beforeEach(async () => {
  tables = await startTestTables();
});
afterEach(() => tables.stop());

/** Fills several pages. */
const textOf = (letter: string) => ({ text: letter.repeat(1_000_000) });

test('a process that dies while it overwrites a value leaves the one that was there, whole', async () => {
  let putsLeft = Number.POSITIVE_INFINITY;
  const client = tables.clientWith((body, send) => {
    if ('Item' in body && putsLeft-- <= 0) throw new Error('the process dies here');
    return send();
  });
  const runs = new RunStore({ ...tables, client });
  await runs.saveValue('run', 'measured', [1], textOf('a'));

  for (const puts of [0, 1, 2]) {
    putsLeft = puts;
    await expect(runs.saveValue('run', 'measured', [1], textOf('b'))).rejects.toThrow('dies');
    expect(await runs.loadValue('run', 'measured', [1])).toEqual(textOf('a'));
  }

  putsLeft = Number.POSITIVE_INFINITY;
  await runs.saveValue('run', 'measured', [1], textOf('b'));
  expect(await runs.loadValue('run', 'measured', [1])).toEqual(textOf('b'));
});
