import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { acceptanceWindowAt } from '../../../lib/events/consumption-event.ts';
import { type MessageContent, readMessage } from '../../../lib/events/message.ts';
import { MAXIMUM_MESSAGE_BYTES, rejectedMessagesOf } from '../../../lib/events/rejected-event.ts';
import { consumptionEventText } from '../../fixtures/consumption-events.ts';

/** What a producer, or somebody who may send, can put into a message: structure that is nearly right, and raw bytes. */
const NOW = Date.parse('2026-11-10T12:30:00Z');

/** A rejection's own words, on top of what it was given. */
const MOST_BYTES_OF_WORDS = 1_500;
const MOST_REJECTIONS = 101;
/** The longest text that any pattern may be tried on: what backtracks can then not take long. */
const LONGEST_FOR_A_PATTERN = 1_000;
/** How often a character may be looked at. */
const MOST_LOOKS = 4;

interface Work {
  content: MessageContent;
  /** Characters that were looked at one by one. */
  looks: number;
  longestForAPattern: number;
}

/** Reads a message and counts the work that is done in it, which a clock would only guess at. */
function readCounted(body: string): Work {
  const { charCodeAt } = String.prototype;
  const { exec } = RegExp.prototype;
  const work = { looks: 0, longestForAPattern: 0 };
  String.prototype.charCodeAt = function (index) {
    work.looks += 1;
    return charCodeAt.call(this, index);
  };
  RegExp.prototype.exec = function (text) {
    work.longestForAPattern = Math.max(work.longestForAPattern, text.length);
    return exec.call(this, text);
  };
  try {
    return { content: readMessage(body, acceptanceWindowAt(NOW, 45)), ...work };
  } finally {
    String.prototype.charCodeAt = charCodeAt;
    RegExp.prototype.exec = exec;
  }
}

function expectHarmless(body: string): MessageContent {
  const { content, looks, longestForAPattern } = readCounted(body);
  const { rejected } = content;
  expect(longestForAPattern).toBeLessThanOrEqual(LONGEST_FOR_A_PATTERN);
  expect(looks).toBeLessThanOrEqual(MOST_LOOKS * body.length + 1_000);
  expect(rejected.length).toBeLessThanOrEqual(MOST_REJECTIONS);
  const given = rejected.reduce((bytes, { body: text }) => bytes + Buffer.byteLength(text), 0);
  expect(given).toBeLessThanOrEqual(Buffer.byteLength(body) + 2);
  for (const element of rejected) {
    const messages = rejectedMessagesOf({ ...element, messageId: 'm', receivedAt: new Date(NOW).toISOString() });
    const parts = messages.map((text) => JSON.parse(text));
    expect(parts.map((part) => part.body).join('')).toBe(element.body);
    for (const [index, text] of messages.entries()) {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAXIMUM_MESSAGE_BYTES);
      // JSON escapes six bytes for one at most.
      expect(text.length).toBeLessThanOrEqual(6 * parts[index].body.length + MOST_BYTES_OF_WORDS);
    }
  }
  return content;
}

const nested = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
const event = (quantity: string) =>
  consumptionEventText({ quantity: 7 }).replace('"quantity":7', () => `"quantity":${quantity}`);

test.each([
  ['digits in a number', event(`1${'0'.repeat(200_000)}1`)],
  ['zeros behind the point', event(`1.${'0'.repeat(200_000)}1`)],
  ['zeros in a text', event(`"${'0'.repeat(200_000)}1"`)],
  ['an exponent without end', event(`1e${'9'.repeat(200_000)}`)],
  ['more digits than a decimal holds', event(`"${'1'.repeat(131)}e0"`)],
  ['brackets beside many bad elements', `[${'{},'.repeat(50_000)}${nested},"${'x'.repeat(200_000)}"]`],
  ['many numbers', `[${'1,'.repeat(400_000)}1]`],
  ['many numbers beside brackets', `[${'1,'.repeat(400_000)}${nested}]`],
  ['backslashes', `["${'\\\\'.repeat(200_000)}",{"${'\\\\'.repeat(100_000)}":1}]`],
  ['quotes', `[${'"\\"",'.repeat(100_000)}1]`],
  ['a time without end', consumptionEventText({ time: `2026-11-10T12:00:00.${'1'.repeat(200_000)}` })],
  ['a client without end', consumptionEventText({ subject: 'c'.repeat(200_000) })],
  ['a meter without end', consumptionEventText({ meter: 'm'.repeat(200_000) })],
  ['characters of six bytes', `["${'\uffff'.repeat(100_000)}"]`],
  ['many members', `{${'"a":1,'.repeat(100_000)}"a":1}`],
  ['white space', `[${' '.repeat(200_000)}1${'\n'.repeat(200_000)}]`],
  ['a word that is no JSON', `NaN${' '.repeat(200_000)}`],
  ['blanks before a word', `${': '.repeat(100_000)}NaN`],
])('%s: rejected, in work and in bytes that grow with the message only', (_name, body) => {
  const { events, rejected } = expectHarmless(body);

  expect(events).toEqual([]);
  expect(rejected.length).toBeGreaterThan(0);
});

const looseName = fc.constantFrom(
  'id',
  'source',
  'type',
  'subject',
  'time',
  'data',
  'specversion',
  'meter',
  'quantity',
);
const looseText = fc.oneof(
  fc.json(),
  fc.constantFrom('1e5', '1.50', '-0', '"1"', '{}', '[]', '[[[[1e5]]]]', 'null', '"\\u0000"', '"\ud800"', '1e400'),
  fc.constantFrom('"1.0"', '"2026-11-10T12:00:00Z"', '{"meter":"m","quantity":1}', '{"quantity":1.0,"quantity":"2"}'),
);
/** An object as a text, in which names repeat. */
const looseObject = fc
  .array(fc.tuple(looseName, looseText), { maxLength: 12 })
  .map((members) => `{${members.map(([name, value]) => ` "${name}"\t:${value}`).join(', ')}}`);
const looseElement = fc.oneof(
  looseObject,
  looseText,
  fc.constant(null).map(() => consumptionEventText()),
  looseText.map((quantity) => event(quantity)),
);
const looseMessage = fc.oneof(
  looseElement,
  fc.array(looseElement, { maxLength: 30 }).map((elements) => `[${elements.join('\n,')}]`),
);

test('whatever the structure: each element is counted or rejected, and nothing grows beyond its input', () => {
  fc.assert(
    fc.property(looseMessage, (body) => {
      const { events, rejected } = expectHarmless(body);

      const parsed: unknown = JSON.parse(body);
      const elements = rejected.reduce((sum, { elements: together = 1 }) => sum + together, 0);
      expect(events.length + elements).toBe(Array.isArray(parsed) ? parsed.length : 1);
    }),
    { numRuns: 500 },
  );
});

test('whatever the bytes: each message is counted or rejected, and nothing grows beyond its input', () => {
  const raw = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('utf8'));
  /** A message with some of its bytes changed, left out or put in. */
  const damaged = fc.tuple(looseMessage, fc.nat(), fc.nat({ max: 4 }), raw).map(([body, place, length, bytes]) => {
    const start = place % (body.length + 1);
    return body.slice(0, start) + bytes.slice(0, 4) + body.slice(start + length);
  });
  fc.assert(
    fc.property(fc.oneof(raw, damaged), (body) => {
      const { events, rejected } = expectHarmless(body);
      expect(events.length + rejected.length).toBeGreaterThanOrEqual(/^\s*\[\s*\]\s*$/.test(body) ? 0 : 1);
    }),
    { numRuns: 500 },
  );
});
