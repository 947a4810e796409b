import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { type BadLine, eventsOfCsv, eventsOfNdjson, readMapping } from '../../../cli/events/event-source.ts';

const MAPPING = readMapping('id=row,subject=customer,time=at,meter=metric,quantity=amount');

async function csv(text: string, source?: string) {
  const bad: BadLine[] = [];
  const events = [];
  for await (const { text: event } of eventsOfCsv(Readable.from([text]), MAPPING, source, (line) => bad.push(line))) {
    events.push(JSON.parse(event));
  }
  return { events, bad };
}

describe('CSV', () => {
  test('becomes events, with quantities as they were written', async () => {
    const { events, bad } = await csv(
      'row,customer,at,metric,amount\n1,"acme",2026-11-01T00:00:00Z,api_calls,0.10\n',
      'crm',
    );

    expect(bad).toEqual([]);
    expect(events).toEqual([
      {
        specversion: '1.0',
        type: 'com.halfmonth.usage',
        id: '1',
        source: 'crm',
        subject: 'acme',
        time: '2026-11-01T00:00:00Z',
        data: { meter: 'api_calls', quantity: '0.10' },
      },
    ]);
  });

  test('rows that lack something are reported with their line and left out', async () => {
    const { events, bad } = await csv('row,customer,at,metric,amount\n1,,2026-11-01T00:00:00Z,api_calls,1\n', 'crm');

    expect(events).toEqual([]);
    expect(bad).toEqual([{ line: 2, reason: 'subject is empty' }]);
  });

  test('a column that is not there is named, with those that are', async () => {
    await expect(csv('row,client,at,metric,amount\n1,acme,x,y,1\n', 'crm')).rejects.toThrow(
      /no column customer; it has row, client, at, metric, amount/,
    );
  });
});

describe('a mapping', () => {
  test.each([
    ['id=row', /subject, time, meter, quantity missing/],
    ['id=row,colour=red', /there is no "colour"/],
    ['id', /"id" is not NAME=COLUMN/],
  ])('%s is refused', (text, words) => {
    expect(() => readMapping(text)).toThrow(words);
  });
});

test('NDJSON goes on as it was written, without the lines that are no JSON', async () => {
  const bad: BadLine[] = [];
  const texts = [];
  const input = Readable.from(['{"data":{"quantity":0.10000000000000000001}}\n\n{oops\n']);
  for await (const { text, line } of eventsOfNdjson(input, (line) => bad.push(line))) texts.push([line, text]);

  expect(texts).toEqual([[1, '{"data":{"quantity":0.10000000000000000001}}']]);
  expect(bad).toMatchObject([{ line: 3 }]);
});

test('a line that no message of the queue can hold is reported and left out, and the next one goes on', async () => {
  const bad: BadLine[] = [];
  const lines = [];
  const input = Readable.from([`{"id":"${'x'.repeat(1_048_576)}"}\n{"id":"1"}\n`]);
  for await (const { line } of eventsOfNdjson(input, (found) => bad.push(found))) lines.push(line);

  expect(lines).toEqual([2]);
  expect(bad).toEqual([{ line: 1, reason: expect.stringContaining('a message of the queue holds 1048576') }]);
});
