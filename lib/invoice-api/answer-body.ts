import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';

/**
 * The codings that are read, for `Accept-Encoding`: a request without it allows every coding (RFC 9110, section
 * 12.5.3).
 */
export const READ_CODINGS = 'gzip, deflate, br';

/** More codings over each other than a server and a proxy apply are an attack. */
const MOST_CODINGS = 2;

/** The body cannot be read, in words for a person. */
export class UnreadableBody extends Error {
  override readonly name = 'UnreadableBody';
}

/** The body was longer than it may be. */
export function tooLong(maximumBytes: number): UnreadableBody {
  return new UnreadableBody(`the answer is longer than ${maximumBytes} bytes`);
}

/**
 * A body as text: decompressed, without a byte order mark. Invalid UTF-8 becomes replacement characters.
 * @param contentEncoding the header field, the last coding at its end
 * @param maximumBytes what it may become
 * @throws UnreadableBody when it becomes longer, is damaged, or in a coding that was not asked for
 */
export async function textOf(body: Buffer, contentEncoding: string | undefined, maximumBytes: number): Promise<string> {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > MOST_CODINGS)
    throw new UnreadableBody(`the answer has ${codings.length} codings over each other`);
  let bytes = body;
  for (const coding of codings.reverse()) {
    // An answer without a body may name a coding all the same.
    if (bytes.length > 0) bytes = await decoded(bytes, coding, maximumBytes);
  }
  return new TextDecoder().decode(bytes);
}

async function decoded(bytes: Buffer, coding: string, maximumBytes: number): Promise<Buffer> {
  const decode = decoderOf(coding, bytes);
  if (!decode)
    throw new UnreadableBody(`the answer is in the coding ${JSON.stringify(coding.slice(0, 40))}, which is not read`);
  try {
    return await decode(bytes, { maxOutputLength: maximumBytes });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // zlib throws nothing else
    const isTooLong = code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLong
      ? tooLong(maximumBytes)
      : new UnreadableBody(`the answer's ${coding} coding is damaged or cut short`);
  }
}

function decoderOf(coding: string, bytes: Buffer) {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);
    case 'br':
      return promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress);
    case 'deflate':
      // Meant is the zlib format (RFC 9110, section 8.4.1.2), whose first byte ends in 8; some servers leave it away.
      return promisify<Buffer, { maxOutputLength: number }, Buffer>(
        ((bytes[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw,
      );
    default:
      return undefined;
  }
}
