import { isUtf8 } from 'node:buffer';
import type { Readable } from 'node:stream';
import { readJsonMessage } from '../events/json-elements.ts';
import { whyNotJson } from '../events/message.ts';
import { jsonTextForQueue, MAXIMUM_MESSAGE_BYTES } from '../events/rejected-event.ts';
import { bytesOf } from './file-bytes.ts';
import { type RefusedLine, type SourcedEvent, UnreadableFile } from './sourced-event.ts';

/** A message is an array of events. */
const BRACKETS_BYTES = 2;
const LONGEST_LINE = MAXIMUM_MESSAGE_BYTES - BRACKETS_BYTES;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * The events of newline-delimited JSON: lines end with LF or CR LF and with nothing else, and a line that is an array
 * holds several. Their texts go on as they stand, since parsing a quantity would cost it its digits; only characters
 * that the queue refuses are escaped, which means the same in JSON. Holds one chunk and one line.
 * @param onRefused told of each line that is no JSON, no UTF-8, or too long for a message
 * @throws UnreadableFile where the file is no such text, before anything of it goes on
 */
export async function* eventsOfNdjson(
  input: Readable,
  onRefused: (refused: RefusedLine) => void,
): AsyncGenerator<SourcedEvent> {
  const file = bytesOf(input);
  let isFirst = true;
  let through = 0;
  for await (const { number, content, length } of linesOf(file.chunks)) {
    through += length + 1;
    const refuse = (reason: RefusedLine['reason'], message: string) => onRefused({ line: number, reason, message });
    if (length > LONGEST_LINE) {
      refuse(
        'LINE_TOO_LONG',
        `it has ${length} bytes, and a message of the queue holds ${MAXIMUM_MESSAGE_BYTES}: cut it`,
      );
      continue;
    }
    if (!isUtf8(content)) {
      refuse('NOT_UTF8', 'some of its bytes are no UTF-8; save the file as UTF-8');
      continue;
    }
    const text = content.toString('utf8').trim();
    if (text === '') continue;
    const texts = elementTexts(text);
    if (isFirst && 'fault' in texts) assertOneEventALine(text, texts.fault);
    isFirst = false;
    if ('fault' in texts) {
      refuse('NOT_JSON', `it is no JSON: ${texts.fault}`);
      continue;
    }
    const bytes = file.positionOf(through);
    for (const [index, element] of texts.entries()) {
      const sendable = jsonTextForQueue(element);
      if (sendable.length > LONGEST_LINE) {
        refuse(
          'LINE_TOO_LONG',
          `with its characters escaped it is more than the ${MAXIMUM_MESSAGE_BYTES} bytes of a message`,
        );
      } else {
        yield { line: number, text: sendable, bytes, endsLine: index === texts.length - 1 };
      }
    }
  }
}

interface Line {
  /** From 1. */
  number: number;
  /** Without its end; not whole where it is longer than a message. */
  content: Buffer;
  length: number;
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0;
  let kept: Buffer[] = [];
  let length = 0;
  const keep = (part: Buffer) => {
    if (length <= LONGEST_LINE) kept.push(part);
    length += part.length;
  };
  const line = (): Line => {
    const whole = kept.length === 1 && kept[0] ? kept[0] : Buffer.concat(kept);
    const end = whole.at(-1) === CARRIAGE_RETURN ? 1 : 0;
    const ended = { number: ++number, content: whole.subarray(0, whole.length - end), length: length - end };
    kept = [];
    length = 0;
    return ended;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      keep(chunk.subarray(start, end));
      yield line();
      start = end + 1;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  }
  if (length > 0) yield line();
}

/** The texts of the elements, or why it is no JSON. */
function elementTexts(text: string): string[] | { fault: string } {
  try {
    if (text.startsWith('[')) return readJsonMessage(text).elements.map((element) => element.text);
    JSON.parse(text);
    return [text];
  } catch (error) {
    return { fault: whyNotJson(error, text) };
  }
}

/**
 * An array or an object that goes over several lines would be refused line by line, thousands of times for one reason.
 */
function assertOneEventALine(text: string, fault: string): void {
  const isArray = text.startsWith('[');
  if (text !== '[' && text !== '{' && !(isArray && fault.startsWith('it ends too early'))) return;
  const [form, cure] = isArray ? ['an array', "jq -c '.[]' FILE"] : ['an object', 'jq -c . FILE'];
  throw new UnreadableFile(`The file begins with ${form} over several lines; write one event a line: ${cure}`);
}
