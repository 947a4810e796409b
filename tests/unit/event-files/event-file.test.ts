import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readMapping } from '../../../lib/event-files/csv.ts';
import { eventsOfFile, type FileForm } from '../../../lib/event-files/event-file.ts';
import type { RefusedLine } from '../../../lib/event-files/sourced-event.ts';
import { consumptionEventText } from '../../fixtures/consumption-events.ts';

const NDJSON: FileForm = { kind: 'ndjson' };
const MAPPING = readMapping('id=row,subject=customer,time=at,meter=metric,quantity=amount');
const CSV: FileForm = { kind: 'csv', mapping: MAPPING, source: 'crm' };
const HEADING = 'row,customer,at,metric,amount\n';

/** Reads a file that arrives in pieces of so many bytes. */
async function read(content: string | Buffer, form: FileForm = NDJSON, pieceBytes = 1 << 16) {
  const bytes = Buffer.from(content);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  const refused: RefusedLine[] = [];
  const events = [];
  for await (const event of eventsOfFile(Readable.from(pieces), form, (line) => refused.push(line))) events.push(event);
  return { events, texts: events.map(({ text }) => text), lines: events.map(({ line }) => line), refused };
}

describe('NDJSON', () => {
  test('goes on as it was written, without the lines that are no JSON', async () => {
    const exact = '{"data":{"quantity":0.10000000000000000001}}';

    const { texts, lines, refused } = await read(`${exact}\n\n{oops\n7`);

    expect(texts).toEqual([exact, '7']);
    expect(lines).toEqual([1, 4]);
    expect(refused).toEqual([{ line: 3, reason: 'NOT_JSON', message: expect.stringContaining('no JSON') }]);
  });

  test('a byte order mark and the line ends of Windows do no harm', async () => {
    const { texts, refused } = await read('\ufeff{"id":"1"}\r\n{"id":"2"}\r\n');

    expect(texts).toEqual(['{"id":"1"}', '{"id":"2"}']);
    expect(refused).toEqual([]);
  });

  test('only a line feed ends a line: U+2028 and its like stand within one', async () => {
    const text = '{"id":"a\u2028b\u2029c\u0085d\u000be"}'.replace('\u000b', '');

    expect(await read(`${text}\n${text}`)).toMatchObject({ texts: [text, text], lines: [1, 2] });
  });

  test('bytes that are no UTF-8 are refused, since different ids would become one', async () => {
    const content = Buffer.concat([
      Buffer.from('{"id":"1"}\n{"id":"'),
      Buffer.from([0xfc]),
      Buffer.from('"}\n{"id":"3"}'),
    ]);

    const { lines, refused } = await read(content);

    expect(lines).toEqual([1, 3]);
    expect(refused).toEqual([{ line: 2, reason: 'NOT_UTF8', message: expect.stringContaining('UTF-8') }]);
  });

  test('characters that the queue refuses go out as JSON escapes', async () => {
    const { texts } = await read('{"id":"\uffff\u{1f600}\ufffe"}');

    expect(texts).toEqual(['{"id":"\\uffff\\ud83d\\ude00\\ufffe"}']);
  });

  test('an array on one line holds several events, each as it was written', async () => {
    const { events } = await read('[{"q":1.50}, {"q":2} ]\n[]\n');

    expect(events.map(({ text, line, endsLine }) => [text, line, endsLine])).toEqual([
      ['{"q":1.50}', 1, false],
      ['{"q":2}', 1, true],
    ]);
  });

  test.each([
    [
      'an array over several lines',
      '[\n{"id":"1"},\n{"id":"2"}\n]\n',
      /begins with an array over several lines.*jq -c/,
    ],
    ['an array with its first event', '[{"id":"1"},\n{"id":"2"}]\n', /begins with an array over several lines/],
    ['an object over several lines', '\n{\n"id":"1"\n}\n', /begins with an object over several lines/],
    ['an image', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13]), /no text/],
    ['UTF-16', Buffer.from('\ufeff{"id":"1"}', 'utf16le'), /UTF-16/],
  ])('%s is refused in one line, before anything of it goes on', async (_name, content, words) => {
    await expect(read(content)).rejects.toThrow(words);
  });

  test('a line that no message of the queue can hold is refused, and the next one goes on', async () => {
    const { lines, refused } = await read(`{"id":"${'x'.repeat(1_048_576)}"}\n{"id":"1"}\n`);

    expect(lines).toEqual([2]);
    expect(refused).toMatchObject([{ line: 1, reason: 'LINE_TOO_LONG' }]);
  });

  test('a gz file that was cut off says so after what could be read', async () => {
    const packed = gzipSync(
      Array.from({ length: 20_000 }, (_, index) => `{"id":"${index}-${index * 7919}"}\n`).join(''),
    );
    await expect(read(packed.subarray(0, packed.length / 2))).rejects.toThrow(/damaged or cut off/);
  });
});

test('the same comes of a file whatever pieces it arrives in, packed or not', async () => {
  const line = fc.constantFrom(consumptionEventText(), '[{"a":1},7]', '{oops', '', '{"id":"\u2028é\u{1f600}"}', '   ');
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 12 }),
      fc.constantFrom('\n', '\r\n'),
      fc.integer({ min: 1, max: 40 }),
      async (lines, end, pieceBytes) => {
        const content = lines.join(end);
        const whole = await read(content);
        const pieces = await read(content, NDJSON, pieceBytes);
        const packed = await read(gzipSync(content), NDJSON, pieceBytes);
        expect([pieces.texts, pieces.lines, pieces.refused]).toEqual([whole.texts, whole.lines, whole.refused]);
        expect([packed.texts, packed.lines, packed.refused]).toEqual([whole.texts, whole.lines, whole.refused]);
        expect(whole.lines.length + whole.refused.length).toBeGreaterThanOrEqual(
          lines.filter((text) => text.trim()).length,
        );
      },
    ),
    { numRuns: 60 },
  );
});

describe('CSV', () => {
  const event = (id: string, subject: string, quantity: string) => ({
    specversion: '1.0',
    type: 'com.halfmonth.usage',
    id,
    source: 'crm',
    subject,
    time: '2026-11-01T00:00:00Z',
    data: { meter: 'api_calls', quantity },
  });
  const eventsOf = async (content: string | Buffer, form: FileForm = CSV) => {
    const { texts, refused } = await read(content, form);
    return { events: texts.map((text) => JSON.parse(text)), refused };
  };

  test('becomes events, with quantities as they were written', async () => {
    expect(await eventsOf(`${HEADING}1,"acme",2026-11-01T00:00:00Z,api_calls,0.10\n`)).toEqual({
      events: [event('1', 'acme', '0.10')],
      refused: [],
    });
  });

  test.each([';', '\t'])('columns parted by %j are taken by the heading', async (delimiter) => {
    const text = `\ufeff${HEADING}1,acme,2026-11-01T00:00:00Z,api_calls,2\n`.replaceAll(',', delimiter);
    expect((await eventsOf(text)).events).toEqual([event('1', 'acme', '2')]);
  });

  test('rows that do not fit the heading, lack something or are no UTF-8 are named with their line, and the others go', async () => {
    const rows = [
      '1,acme,2026-11-01T00:00:00Z,api_calls,1,000',
      '2,,2026-11-01T00:00:00Z,api_calls,1',
      '3,acme,2026-11-01T00:00:00Z,api_calls',
      '4,müller,2026-11-01T00:00:00Z,api_calls,1',
      '5,acme,2026-11-01T00:00:00Z,api_calls,5',
    ];
    const latin1 = Buffer.from(`${HEADING}${rows.join('\n')}\n`, 'latin1');

    const { events, refused } = await eventsOf(latin1);

    expect(events).toEqual([event('5', 'acme', '5')]);
    expect(refused.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'FIELDS_DIFFER'],
      [3, 'FIELD_EMPTY'],
      [4, 'FIELDS_DIFFER'],
      [5, 'NOT_UTF8'],
    ]);
  });

  test('a quote within a field stands for itself, and the rows after it go', async () => {
    const { events, refused } = await eventsOf(
      `${HEADING}1,"ac"me,2026-11-01T00:00:00Z,api_calls,1\n2,acme,2026-11-01T00:00:00Z,api_calls,2\n`,
    );

    expect(events).toEqual([event('1', '"ac"me', '1'), event('2', 'acme', '2')]);
    expect(refused).toEqual([]);
  });

  test('a quote that is never closed is named with what it swallowed', async () => {
    const { events, refused } = await eventsOf(`${HEADING}1,"acme,2026-11-01T00:00:00Z,api_calls,1\n2,b,c,d,2\n`);

    expect(events).toEqual([]);
    expect(refused).toEqual([{ line: 3, reason: 'NOT_CSV', message: expect.stringContaining('never closed') }]);
  });

  test('UTF-8 goes through, packed or not', async () => {
    const text = `${HEADING}1,müller,2026-11-01T00:00:00Z,api_calls,1\n`;
    expect((await eventsOf(text)).events).toEqual([event('1', 'müller', '1')]);
    expect((await eventsOf(gzipSync(text))).events).toEqual([event('1', 'müller', '1')]);
  });

  test.each([
    ['row,client,at,metric,amount\n1,acme,x,y,1\n', /no column customer; it has row, client, at, metric, amount/],
    ['row,customer,at,metric,amount,row\n1,acme,x,y,1,2\n', /column row stands twice/],
  ])('a heading that the columns cannot be found in is refused: %j', async (text, words) => {
    await expect(eventsOf(text)).rejects.toThrow(words);
  });
});

describe('a mapping', () => {
  test.each([
    ['id=row', /subject, time, meter, quantity missing/],
    ['id=row,colour=red', /there is no "colour"/],
    ['id', /"id" is not NAME=COLUMN/],
    ['__proto__=row', /there is no "__proto__"/],
  ])('%s is refused', (text, words) => {
    expect(() => readMapping(text)).toThrow(words);
  });
});
