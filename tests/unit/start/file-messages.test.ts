import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { Expectation } from '../../../local/start/expectation.ts';
import { type FileFindings, fileMessages, LineTooLong } from '../../../local/start/file-messages.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfmonth-file-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const eventLine = (id: string, quantity: unknown = 1) =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: '/mine',
    type: 'usage',
    subject: 'client-a',
    time: '2024-02-29T10:00:00Z',
    data: { meter: 'calls', quantity },
  });

async function read(lines: string[]) {
  const path = join(folder, 'events.ndjson');
  writeFileSync(path, lines.join('\n'));
  const expectation = new Expectation();
  const findings: FileFindings = { lines: 0, conflicts: 0 };
  const window = { oldest: 0, newest: Date.UTC(2030, 0) };
  const calendar = new BillingCalendar('UTC', 5);
  const file = { path, calendar, window, onRead: () => {} };
  const bodies: string[] = [];
  for await (const body of fileMessages(file, expectation, findings)) bodies.push(body);
  return { bodies, expectation, findings };
}

test('lines travel in arrays as they were written, digits and all', async () => {
  const exact = eventLine('1').replace('"quantity":1', '"quantity":0.10');

  const { bodies, expectation } = await read([exact, eventLine('2')]);

  expect(bodies).toEqual([`[${exact},${eventLine('2')}]`]);
  expect(expectation.totals()).toEqual({ calls: '1.1' });
  expect(expectation.periodIds).toEqual(['2024-02-H2']);
});

test('what is no JSON goes alone, so that its neighbours count', async () => {
  const { bodies, expectation } = await read([eventLine('1'), '{"broken', eventLine('2'), '', '[]']);

  expect(bodies).toContain('{"broken');
  expect(bodies).toContain('[]');
  expect(expectation.events()).toBe(2);
  expect(expectation.malformed()).toEqual({ NOT_JSON: 1 });
});

test('a repeated event is expected once', async () => {
  const { expectation, findings } = await read([eventLine('1'), eventLine('1'), eventLine('1')]);

  expect(expectation.events()).toBe(1);
  expect(expectation.deliveries).toBe(3);
  expect(findings.conflicts).toBe(0);
});

test('the same identity with another quantity is reported with its line', async () => {
  const { findings } = await read([eventLine('1', 1), eventLine('2', 1), eventLine('1', 2)]);

  expect(findings).toEqual({ lines: 3, conflicts: 1, firstConflictLine: 3 });
});

test('a byte order mark and Windows line ends do no harm', async () => {
  const { expectation } = await read([`\ufeff${eventLine('1')}\r`, `${eventLine('2')}\r`]);

  expect(expectation.events()).toBe(2);
  expect(expectation.malformed()).toEqual({});
});

test('a hundred events fill a message', async () => {
  const lines = Array.from({ length: 250 }, (_, index) => eventLine(String(index)));

  const { bodies, expectation } = await read(lines);

  expect(bodies.map((body) => JSON.parse(body).length)).toEqual([100, 100, 50]);
  expect(expectation.messages).toBe(3);
});

test('a line that no message can hold is named', async () => {
  await expect(read([eventLine('1'), eventLine('x'.repeat(1_100_000))])).rejects.toThrow(LineTooLong);
  await expect(read([eventLine('1'), eventLine('x'.repeat(1_100_000))])).rejects.toThrow(/^Line 2 /);
});
