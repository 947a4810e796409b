import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { acceptanceWindowAt } from '../../../lib/events/consumption-event.ts';
import { hexOfIdentity } from '../../../lib/events/identity.ts';
import { type RejectedElement, readMessage } from '../../../lib/events/message.ts';
import { consumptionEvent, consumptionEventText, type EventFields } from '../../fixtures/consumption-events.ts';

const NOW = Date.parse('2026-11-10T12:30:00Z');
const window = acceptanceWindowAt(NOW, 45);
const read = (body: string) => readMessage(body, window);
const elementsIn = (rejected: readonly RejectedElement[]) =>
  rejected.reduce((sum, { elements = 1 }) => sum + elements, 0);

describe('one event', () => {
  test('is read to what counting needs', () => {
    const { events, rejected } = read(
      consumptionEventText({ quantity: '12.500', time: '2026-11-10T13:00:00.25+01:00' }),
    );

    expect(rejected).toEqual([]);
    expect(events).toEqual([
      {
        identity: expect.any(String),
        origin: { source: '/gateways/test', id: expect.any(String) },
        clientId: 'client-1',
        instant: Date.parse('2026-11-10T12:00:00.250Z'),
        meter: 'api_calls',
        quantity: '12.5',
      },
    ]);
  });

  test('has the same identity when source and id are the same, and only then', () => {
    const identity = (fields: EventFields) =>
      hexOfIdentity(read(consumptionEventText(fields)).events[0]?.identity ?? '');
    const reference = identity({ source: 'a', id: 'b' });

    expect(identity({ source: 'a', id: 'b', quantity: 7, time: '2026-11-09T00:00:00Z' })).toBe(reference);
    const others = [
      { source: 'ab', id: 'b' },
      { source: 'a","b', id: 'c' },
      { source: 'a', id: 'b ' },
      { source: '\ud800', id: 'b' },
      { source: '\ud801', id: 'b' },
    ].map(identity);
    expect(new Set([reference, ...others]).size).toBe(others.length + 1);
  });

  test.each([
    [0, '0'],
    [-0, '0'],
    [-12.5, '-12.5'],
    [1e-7, '0.0000001'],
    [123456789.123456, '123456789.123456'],
    ['1e3', '1000'],
    ['-0.000000000001', '-0.000000000001'],
    ['999999999999999999.999999999999', '999999999999999999.999999999999'],
    ['1.500000000000000000', '1.5'],
    ['0000000000000000000001', '1'],
    ['0.0000000000000', '0'],
    ['-0.0', '0'],
    ['1000e-15', '0.000000000001'],
    ['0e999', '0'],
  ])('quantity %j counts as %s', (quantity, expected) => {
    expect(read(consumptionEventText({ quantity })).events[0]?.quantity).toBe(expected);
  });

  test.each([
    '2026-11-10T12:00:00Z',
    '2026-11-10t12:00:00z',
    '2026-11-10T23:59:59+12:00',
    '2026-11-10T03:30:00.123456789-08:30',
    '2026-11-10T11:59:60Z',
  ])('time %s is accepted', (time) => {
    expect(read(consumptionEventText({ time })).events).toHaveLength(1);
  });
});

describe('what cannot be counted is rejected with its reason', () => {
  const rejections: [reason: string, fields: EventFields][] = [
    ['NOT_A_CLOUDEVENT', { specversion: undefined }],
    ['NOT_A_CLOUDEVENT', { specversion: '0.3' }],
    ['NOT_A_CLOUDEVENT', { specversion: 1 }],
    ['NOT_A_CLOUDEVENT', { id: undefined }],
    ['NOT_A_CLOUDEVENT', { id: '' }],
    ['NOT_A_CLOUDEVENT', { id: 7 }],
    ['NOT_A_CLOUDEVENT', { source: undefined }],
    ['NOT_A_CLOUDEVENT', { source: ['a'] }],
    ['NOT_A_CLOUDEVENT', { type: undefined }],
    ['INVALID_CLIENT_ID', { subject: undefined }],
    ['INVALID_CLIENT_ID', { subject: '' }],
    ['INVALID_CLIENT_ID', { subject: 'c'.repeat(129) }],
    ['INVALID_CLIENT_ID', { subject: 'client#2026-11-10' }],
    ['INVALID_CLIENT_ID', { subject: 'client\u007f' }],
    ['INVALID_CLIENT_ID', { subject: { id: 'client' } }],
    ['INVALID_TIME', { time: undefined }],
    ['INVALID_TIME', { time: '2026-11-10T12:00:00' }],
    ['INVALID_TIME', { time: '2026-11-10' }],
    ['INVALID_TIME', { time: '2026-02-30T12:00:00Z' }],
    ['INVALID_TIME', { time: '2026-13-01T12:00:00Z' }],
    ['INVALID_TIME', { time: '2026-11-10T24:00:00Z' }],
    ['INVALID_TIME', { time: '2026-11-10T12:00:00+24:00' }],
    ['INVALID_TIME', { time: NOW }],
    ['TIME_IN_FUTURE', { time: '2026-11-10T13:30:01Z' }],
    ['TOO_OLD', { time: '2026-09-26T12:29:59Z' }],
    ['NO_DATA', { data: undefined }],
    ['NO_DATA', { data: 'api_calls=3' }],
    ['NO_DATA', { data: [] }],
    ['INVALID_METER', { data: { quantity: 1 } }],
    ['INVALID_METER', { meter: 'api calls' }],
    ['INVALID_METER', { meter: 'm'.repeat(65) }],
    ['INVALID_METER', { meter: 7 }],
    ['INVALID_METER', { meter: 'constructor' }],
    ['INVALID_QUANTITY', { data: { meter: 'api_calls' } }],
    ['INVALID_QUANTITY', { quantity: true }],
    ['INVALID_QUANTITY', { quantity: '' }],
    ['INVALID_QUANTITY', { quantity: ' 5' }],
    ['INVALID_QUANTITY', { quantity: '1,5' }],
    ['INVALID_QUANTITY', { quantity: '0x10' }],
    ['INVALID_QUANTITY', { quantity: `1.${'0'.repeat(200)}` }],
    ['QUANTITY_TOO_LARGE', { quantity: `${'1'.repeat(131)}e0` }],
    ['QUANTITY_TOO_LARGE', { quantity: '1e999' }],
    ['QUANTITY_TOO_PRECISE', { quantity: '1e-999' }],
    ['NOT_A_CLOUDEVENT', { data_base64: 'eyJtZXRlciI6Im0ifQ==' }],
    ['NO_DATA', { data: undefined, data_base64: 'eyJtZXRlciI6Im0ifQ==' }],
    ['QUANTITY_NOT_FINITE', { quantity: 'NaN' }],
    ['QUANTITY_NOT_FINITE', { quantity: '-Infinity' }],
    ['QUANTITY_TOO_PRECISE', { quantity: '0.1234567890123' }],
    ['QUANTITY_TOO_PRECISE', { quantity: 1e-13 }],
    ['QUANTITY_TOO_LARGE', { quantity: '1234567890123456789' }],
    ['QUANTITY_TOO_LARGE', { quantity: 1e18 }],
  ];

  test.each(rejections)('%s: %j', (reason, fields) => {
    const body = consumptionEventText(fields);

    const { events, rejected } = read(body);

    expect(events).toEqual([]);
    expect(rejected).toEqual([{ reason, message: expect.stringMatching(/.{20}/), body }]);
  });

  test.each([
    '12345678901234567.5',
    '0.12345678901234567',
    '9007199254740993',
    '1e-400',
    '1e400',
    '-123456789012345678',
  ])('the JSON number %s is more than a double can carry: "send it as a string"', (number) => {
    const body = consumptionEventText({ quantity: 0 }).replace('"quantity":0', `"quantity": ${number}`);

    expect(read(body).rejected).toEqual([
      { reason: 'QUANTITY_INEXACT', message: expect.stringContaining('send it as a string'), body },
    ]);
  });

  test.each(['9007199254740992', '1.50000000000000000000', '100000000000000000', '1.5E+2'])(
    'the JSON number %s is carried exactly and counts',
    (number) => {
      const body = consumptionEventText({ quantity: 0 }).replace('"quantity":0', `"quantity":${number}`);
      expect(read(body).events).toHaveLength(1);
    },
  );

  test.each([
    ['NOT_JSON', ''],
    ['NOT_JSON', '{"specversion":"1.0"'],
    ['NOT_JSON', 'hello'],
    ['NOT_AN_OBJECT', '"text"'],
    ['NOT_AN_OBJECT', 'null'],
    ['NOT_AN_OBJECT', '17'],
  ])('%s: %j', (reason, body) => {
    expect(read(body).rejected).toMatchObject([{ reason, body }]);
  });

  test('a number written with digits that JSON.parse drops is caught behind an escaped name too', () => {
    const body = consumptionEventText({ quantity: 0 }).replace('"quantity":0', '"\\u0071uantity":12345678901234567.5');
    expect(read(body).rejected).toMatchObject([{ reason: 'QUANTITY_INEXACT' }]);
  });
});

describe('what says the same member twice is rejected: in the event, in its data, behind an escape', () => {
  const event = consumptionEventText({ quantity: '1' });

  test.each([
    ['"quantity":"1"', '"quantity":"1","quantity":"1000"', 'data.quantity'],
    ['"quantity":"1"', '"quantity":"1","quantit\\u0079":"1000"', 'data.quantity'],
    ['"subject":', '"subject":"other","subject":', 'subject'],
    ['"data":', '"data":{},"data":', 'data'],
    ['"id":', '"__proto__":{},"__proto__":1,"id":', '__proto__'],
  ])('%s as %s', (from, to, name) => {
    const body = event.replace(from, to);

    expect(read(body)).toEqual({
      events: [],
      rejected: [{ reason: 'REPEATED_MEMBER', message: expect.stringContaining(`"${name}"`), body }],
    });
    expect(read(`[${event},${body}]`).rejected).toMatchObject([{ reason: 'REPEATED_MEMBER', index: 1, body }]);
  });

  test('and not what is repeated in what counting does not read, nor a name that only looks alike', () => {
    const body = event.replace('"quantity":"1"', '"quantity":"1","Quantity":"2","note":{"a":1,"a":2}');
    expect(read(body).events).toHaveLength(1);
  });
});

describe('what wraps an event is named, with its cure', () => {
  const event = consumptionEventText();

  test.each([
    ['raw message delivery', JSON.stringify({ Type: 'Notification', TopicArn: 'arn:aws:sns:x', Message: event })],
    ['InputPath "$.detail"', `{"version":"0","detail-type":"usage","source":"my.app","detail":${event}}`],
    ['send the events themselves', '{"Records":[{"eventSource":"aws:s3"}]}'],
    ['Extended Client', '["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":"k"}]'],
    ['structured mode', '{"meter":"m","quantity":"1"}'],
    ['send meter and quantity', consumptionEventText({ data: undefined, data_base64: 'e30=' })],
    ['byte order mark', `\ufeff${event}`],
    ['finite decimal', event.replace('"quantity":1', '"quantity":NaN')],
    ['ends too early', event.slice(0, -1)],
  ])('%s', (cure, body) => {
    expect(read(body)).toEqual({
      events: [],
      rejected: [{ reason: expect.any(String), message: expect.stringContaining(cure), body }],
    });
  });
});

test('an event is too old by when it was sent, not by how long it waited in the queue', () => {
  const body = consumptionEventText({ time: '2026-09-28T00:00:00Z' });
  const sentAt = Date.parse('2026-11-05T00:00:00Z');
  const now = Date.parse('2026-11-18T00:00:00Z');

  expect(readMessage(body, acceptanceWindowAt(now, 45, sentAt)).events).toHaveLength(1);
  expect(readMessage(body, acceptanceWindowAt(now, 45)).rejected).toMatchObject([{ reason: 'TOO_OLD' }]);
  // What says that it waited longer than a queue keeps anything says nothing.
  expect(acceptanceWindowAt(now, 45, 0).oldest).toBe(Date.parse('2026-09-20T00:00:00Z'));
  expect(acceptanceWindowAt(now, 45, Number.NaN)).toEqual(acceptanceWindowAt(now, 45));
});

describe('an array', () => {
  test('of nothing is a batch with nothing in it', () => {
    expect(read('[]')).toEqual({ events: [], rejected: [] });
    expect(read(' [\n] ')).toEqual({ events: [], rejected: [] });
  });

  test('keeps the text of a bad element byte for byte', () => {
    const bad = '{"10":"x", "2" : "y","subject":"bad subject","q":1.50,\n"a":"\\u0041","q":2}';
    expect(read(`[ ${bad} ,7]`).rejected.map(({ body }) => body)).toEqual([bad, '7']);
  });

  test('of many bad elements is rejected in a bounded number of pieces that hold them all', () => {
    const body = `[${'1,'.repeat(500_000)}1]`;

    const { rejected } = read(body);

    expect(rejected).toHaveLength(101);
    expect(elementsIn(rejected)).toBe(500_001);
    expect(rejected.at(-1)).toMatchObject({ reason: 'TOO_MANY_FAULTS', index: 100, elements: 499_901 });
    expect(JSON.parse(rejected.at(-1)?.body ?? '')).toHaveLength(499_901);
    expect(rejected.at(-1)?.message).toContain('499901 x NOT_AN_OBJECT');
  });
  test('counts its good elements and rejects each bad one with its place and its own text', () => {
    const bad = consumptionEventText({ quantity: 0 }).replace('"quantity":0', '"quantity":0.12345678901234567');
    const body = `[${consumptionEventText()}, ${bad}, 7, ${consumptionEventText()}]`;

    const { events, rejected } = read(body);

    expect(events).toHaveLength(2);
    expect(rejected).toMatchObject([
      { index: 1, reason: 'QUANTITY_INEXACT', body: bad },
      { index: 2, reason: 'NOT_AN_OBJECT', body: '7' },
    ]);
  });

  test('nested without end is rejected, not fatal', () => {
    const nested = `${'['.repeat(200_000)}1e5${']'.repeat(200_000)}`;
    expect(read(nested).rejected).toHaveLength(1);
    expect(read(`[${nested}, ${consumptionEventText()}]`).rejected.length).toBeGreaterThan(0);
  });
});

test('whatever comes, reading never throws and drops nothing', () => {
  const field = fc.oneof(fc.jsonValue(), fc.constant(undefined));
  const element = fc.oneof(
    fc.jsonValue(),
    fc
      .record({ id: field, source: field, subject: field, time: field, meter: field, quantity: field })
      .map(consumptionEvent),
  );
  fc.assert(
    fc.property(fc.array(element, { minLength: 1, maxLength: 8 }), (elements) => {
      const { events, rejected } = read(JSON.stringify(elements));
      expect(events.length + elementsIn(rejected)).toBe(elements.length);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { events, rejected } = read(text);
      expect(events.length + rejected.length).toBe(text.trim() === '[]' ? 0 : 1);
    }),
  );
});
