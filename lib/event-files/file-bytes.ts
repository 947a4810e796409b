import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UnreadableFile } from './sourced-event.ts';

const CHUNK_BYTES = 1 << 18;
const GZIP = Buffer.from([0x1f, 0x8b]);
const UTF16 = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** A file's text as bytes, unpacked where it is gz. */
export interface FileBytes {
  chunks: AsyncIterable<Buffer>;
  /**
   * How far into the file itself its text goes on: a file is read ahead of what is made of it, and only what is packed
   * cannot be told better than by what was read.
   * @param text bytes of the text
   */
  positionOf(text: number): number;
}

/** Opens a file, or standard input for `-`. */
export function openFile(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES });
}

/**
 * The bytes of a text, without a byte order mark; what is packed as gz, whatever its name, is unpacked.
 * @throws UnreadableFile where it is no text, before anything of it goes on
 */
export function bytesOf(input: Readable): FileBytes {
  let read = 0;
  let isPacked = false;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of input) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      read += bytes.length;
      yield bytes;
    }
  }
  const chunks = unpacked(counted(), () => {
    isPacked = true;
  });
  return { chunks: textOf(chunks), positionOf: (text) => (isPacked ? read : Math.min(text, read)) };
}

async function* unpacked(chunks: AsyncIterable<Buffer>, onPacked: () => void): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await firstBytes(iterator, GZIP.length);
  const all = joined(first, iterator);
  if (!first.subarray(0, GZIP.length).equals(GZIP)) {
    yield* all;
    return;
  }
  onPacked();
  const { Readable } = await import('node:stream');
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const source = Readable.from(all);
  source.once('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip);
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw new UnreadableFile(`The gz file is damaged or cut off (${error.message}); what stood before that was read.`, {
      cause: error,
    });
  }
}

function isZlibError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('Z_');
}

async function* textOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first = await firstBytes(iterator, BYTE_ORDER_MARK.length);
  if (UTF16.some((mark) => first.subarray(0, mark.length).equals(mark))) {
    throw new UnreadableFile('The file is UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8).');
  }
  if (first.includes(0)) {
    throw new UnreadableFile('The file is no text: it must be NDJSON or CSV in UTF-8, packed as gz or not.');
  }
  const hasMark = first.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  yield* joined(hasMark ? first.subarray(BYTE_ORDER_MARK.length) : first, iterator);
}

/** As many chunks as hold so many bytes, or all that there are. */
async function firstBytes(iterator: AsyncIterator<Buffer>, bytes: number): Promise<Buffer> {
  let first: Buffer = Buffer.alloc(0);
  while (first.length < bytes) {
    const { value, done } = await iterator.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  return first;
}

async function* joined(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}
