import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { Expectation } from '../../../local/start/expectation.ts';
import { type FileFindings, fileMessages } from '../../../local/start/file-messages.ts';
import { RefusedLines } from '../../../local/start/refused-lines.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfmonth-file-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const eventLine = (id: string, quantity: unknown = 1, fields: Record<string, unknown> = {}) =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: '/mine',
    type: 'usage',
    subject: 'client-a',
    time: '2024-02-29T10:00:00Z',
    data: { meter: 'calls', quantity },
    ...fields,
  });

async function read(lines: string[]) {
  const path = join(folder, 'events.ndjson');
  writeFileSync(path, lines.join('\n'));
  const expectation = new Expectation();
  const refused = new RefusedLines(join(folder, 'refused', 'lines.ndjson'));
  const findings: FileFindings = { refused, conflicts: { count: 0 }, elsewhere: { count: 0 } };
  const window = { oldest: 0, newest: Date.UTC(2030, 0) };
  const calendar = new BillingCalendar('UTC', 5);
  const file = { path, form: { kind: 'ndjson' } as const, calendar, window, onRead: () => {} };
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

test('what is no JSON is named with its line, and its neighbours count', async () => {
  const { bodies, expectation, findings } = await read([eventLine('1'), '{"broken', eventLine('2'), '', '[]']);

  expect(bodies).toEqual([`[${eventLine('1')},${eventLine('2')}]`]);
  expect(expectation.events()).toBe(2);
  expect(expectation.malformed()).toEqual({});
  expect(findings.refused.count).toBe(1);
  expect(findings.refused.text()).toMatch(/1 line was not counted.*\n {2}line 2 {2}NOT_JSON: it is no JSON/);
});

test('each line that cannot count is named: the first ten with field, value and what is right, the rest by reason, all in a file', async () => {
  const bad = Array.from({ length: 12 }, (_, index) => eventLine(`bad-${index}`, `1,${index}`));

  const { bodies, expectation, findings } = await read([...bad, eventLine('1'), eventLine('x', 1, { subject: 'a b' })]);

  expect(bodies.map((body) => JSON.parse(body).length)).toEqual([8, 6]);
  expect(expectation.malformed()).toEqual({ INVALID_CLIENT_ID: 1, INVALID_QUANTITY: 12 });
  const lines = findings.refused.text().split('\n');
  expect(lines[0]).toMatch(/^13 lines were not counted/);
  expect(lines[1]).toBe('  line 1  INVALID_QUANTITY: data.quantity is "1,0"; it must be a decimal such as "12.5".');
  expect(lines.slice(1).filter((line) => line.startsWith('  line '))).toHaveLength(10);
  expect(lines).toContain('  12 x INVALID_QUANTITY, 1 x INVALID_CLIENT_ID');
  const all = readFileSync(findings.refused.path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(all).toHaveLength(13);
  expect(all.at(-1)).toEqual({ line: 14, reason: 'INVALID_CLIENT_ID', message: expect.stringContaining('"a b"') });
});

test('a file without such lines leaves no file of them', async () => {
  const { findings } = await read([eventLine('1')]);
  expect(existsSync(findings.refused.path)).toBe(false);
});

test('a repeated event is expected once', async () => {
  const { expectation, findings } = await read([eventLine('1'), eventLine('1'), eventLine('1')]);

  expect(expectation.events()).toBe(1);
  expect(expectation.deliveries).toBe(3);
  expect(findings.conflicts.count).toBe(0);
  expect(findings.elsewhere.count).toBe(0);
});

test('the same identity with another quantity is reported with its line', async () => {
  const { findings } = await read([eventLine('1', 1), eventLine('2', 1), eventLine('1', 2)]);

  expect(findings.conflicts).toEqual({ count: 1, firstLine: 3 });
});

test('the same source and id counts once more with another client or slice, as counting does, and is reported', async () => {
  const { expectation, findings } = await read([
    eventLine('1'),
    eventLine('1', 1, { subject: 'client-b' }),
    eventLine('1', 1, { time: '2024-02-29T10:05:00Z' }),
    eventLine('1', 1, { subject: 'client-b' }),
  ]);

  expect(expectation.events()).toBe(3);
  expect(findings).toMatchObject({ conflicts: { count: 0 }, elsewhere: { count: 2, firstLine: 2 } });
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

test('a line that no message can hold is named, and the others count', async () => {
  const { expectation, findings } = await read([eventLine('1'), eventLine('x'.repeat(1_100_000)), eventLine('2')]);

  expect(expectation.events()).toBe(2);
  expect(findings.refused.text()).toContain('line 2  LINE_TOO_LONG');
});
