import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { jsonTextForQueue, MAXIMUM_MESSAGE_BYTES } from '../events/rejected-event.ts';
import { bytesOf } from './file-bytes.ts';
import { type RefusedLine, type SourcedEvent, UnreadableFile } from './sourced-event.ts';

/** Which column of a CSV file is what. */
export interface ColumnMapping {
  id: string;
  subject: string;
  time: string;
  meter: string;
  quantity: string;
  source?: string;
}

const REQUIRED = ['id', 'subject', 'time', 'meter', 'quantity'] as const;

/** A mapping of columns that cannot be used. */
export class InvalidMapping extends HalfmonthError {
  readonly code = 'INVALID_MAPPING';
}

/** Reads `id=COLUMN,subject=COLUMN,...`. @throws InvalidMapping naming what is missing or unknown */
export function readMapping(text: string): ColumnMapping {
  const mapping = new Map<string, string>();
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    const [name, column] = [pair.slice(0, Math.max(0, equals)).trim(), pair.slice(equals + 1).trim()];
    if (!name || !column) throw new InvalidMapping(`"${pair}" is not NAME=COLUMN.`);
    if (![...REQUIRED, 'source'].some((known) => known === name)) {
      throw new InvalidMapping(`there is no "${name}"; there are ${REQUIRED.join(', ')} and source.`);
    }
    mapping.set(name, column);
  }
  const missing = REQUIRED.filter((name) => !mapping.has(name));
  if (missing.length > 0) {
    throw new InvalidMapping(
      `${missing.join(', ')} missing. Write id=COLUMN,subject=COLUMN,time=COLUMN,meter=COLUMN,quantity=COLUMN; ` +
        'the id must be the same when the same row is sent again, so that it counts once.',
    );
  }
  // Every required name is there.
  return Object.fromEntries(mapping) as unknown as ColumnMapping;
}

/** How a CSV file is read. */
export interface CsvOptions {
  mapping: ColumnMapping;
  /** The events' source where no column has it. */
  source?: string | undefined;
}

/** What the parser says of a record; the fields are Latin-1, so that each of their bytes is one character. */
interface Row {
  record: string[];
  info: { lines: number; bytes: number };
}

/**
 * The events of a CSV file with a heading line; columns are parted by what the heading is parted by: a comma, a
 * semicolon or a tab. Quantities stay text, so no digit is lost.
 * @param onRefused told of each row whose fields do not fit the heading, are empty or no UTF-8, by the line on which it
 * ends
 * @throws UnreadableFile where a mapped column is not in the heading, or stands there twice, before anything goes on
 */
export async function* eventsOfCsv(
  input: Readable,
  { mapping, source }: CsvOptions,
  onRefused: (refused: RefusedLine) => void,
): AsyncGenerator<SourcedEvent> {
  const file = bytesOf(input);
  let heading: string[] | undefined;
  let previous = 0;
  for await (const { record, info } of await rowsOf(file.chunks, onRefused)) {
    const line = info.lines;
    const begins = previous + 1;
    previous = line;
    const refuse = (reason: RefusedLine['reason'], message: string) =>
      onRefused({ line, reason, message: begins < line ? `it begins on line ${begins}; ${message}` : message });
    const fields = utf8Of(record);
    if (!heading) {
      heading = headingOf(fields, mapping);
      continue;
    }
    if (!fields) {
      refuse('NOT_UTF8', 'some of its bytes are no UTF-8; save the file as UTF-8');
      continue;
    }
    if (fields.length !== heading.length) {
      refuse(
        'FIELDS_DIFFER',
        `it has ${fields.length} fields and the heading ${heading.length}; quote what holds a comma`,
      );
      continue;
    }
    const event = eventOfRow(mapping, source, heading, fields);
    const empty = Object.entries(event).find(([, value]) => value === undefined || value === '');
    const text = jsonTextForQueue(jsonOf(event));
    if (empty) refuse('FIELD_EMPTY', `${empty[0]} is empty`);
    else if (text.length > LONGEST_ROW)
      refuse('LINE_TOO_LONG', `it is more than the ${MAXIMUM_MESSAGE_BYTES} bytes of a message`);
    else yield { line, text, bytes: file.positionOf(info.bytes), endsLine: true };
  }
}

/** In an array of one event. */
const LONGEST_ROW = MAXIMUM_MESSAGE_BYTES - 2;

async function rowsOf(
  chunks: AsyncIterable<Buffer>,
  onRefused: (refused: RefusedLine) => void,
): Promise<AsyncIterable<Row>> {
  const { parse } = await import('csv-parse');
  const iterator = chunks[Symbol.asyncIterator]();
  const { value: first, done } = await iterator.next();
  async function* all(): AsyncGenerator<Buffer> {
    if (!done) yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  const parser = parse({
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    encoding: 'latin1',
    delimiter: done ? ',' : delimiterOf(first),
    // A quote that is never closed would swallow the rest of the file.
    max_record_size: MAXIMUM_MESSAGE_BYTES,
    skip_records_with_error: true,
    // A quote within a field stands for itself; refusing it would take the rows after it along.
    relax_quotes: true,
    on_skip: (error) => {
      if (!error) return;
      const line = 'lines' in error && typeof error.lines === 'number' ? error.lines : 0;
      const isOpen = 'code' in error && error.code === 'CSV_QUOTE_NOT_CLOSED';
      onRefused({ line, reason: 'NOT_CSV', message: isOpen ? QUOTE_NOT_CLOSED : error.message });
    },
  });
  const source = Readable.from(all());
  source.once('error', (error) => parser.destroy(error));
  // What `info: true` makes of each record.
  return source.pipe(parser) as AsyncIterable<Row>;
}

const QUOTE_NOT_CLOSED =
  'a quote that was opened before is never closed, so nothing was read from there on: close it and send the file again';

const DELIMITERS = [',', ';', '\t'];

/** What stands most often in the heading line. */
function delimiterOf(chunk: Buffer): string {
  const lineFeed = chunk.indexOf('\n');
  const heading = chunk.toString('latin1', 0, lineFeed < 0 ? chunk.length : lineFeed);
  const times = (delimiter: string) => heading.split(delimiter).length;
  return DELIMITERS.reduce((best, delimiter) => (times(delimiter) > times(best) ? delimiter : best));
}

/** Latin-1 as it was parsed, read as the UTF-8 that it is; nothing where it is none. */
function utf8Of(record: readonly string[]): string[] | undefined {
  const fields: string[] = [];
  for (const field of record) {
    const bytes = Buffer.from(field, 'latin1');
    if (!isUtf8(bytes)) return undefined;
    fields.push(bytes.toString('utf8'));
  }
  return fields;
}

function headingOf(fields: string[] | undefined, mapping: ColumnMapping): string[] {
  if (!fields) throw new UnreadableFile('The heading line is no UTF-8; save the file as UTF-8.');
  const columns: string[] = Object.values(mapping);
  const missing = columns.filter((column) => !fields.includes(column));
  if (missing.length > 0) {
    throw new UnreadableFile(`The file has no column ${missing.join(', ')}; it has ${fields.join(', ')}.`);
  }
  const twice = columns.find((column) => fields.indexOf(column) !== fields.lastIndexOf(column));
  if (twice !== undefined) throw new UnreadableFile(`The column ${twice} stands twice in the heading; which is meant?`);
  return fields;
}

interface RowEvent {
  id?: string | undefined;
  source?: string | undefined;
  subject?: string | undefined;
  time?: string | undefined;
  meter?: string | undefined;
  quantity?: string | undefined;
}

function eventOfRow(
  mapping: ColumnMapping,
  source: string | undefined,
  heading: readonly string[],
  fields: readonly string[],
): RowEvent {
  const field = (column: string) => fields[heading.indexOf(column)];
  return {
    id: field(mapping.id),
    source: (mapping.source === undefined ? source : field(mapping.source)) ?? source,
    subject: field(mapping.subject),
    time: field(mapping.time),
    meter: field(mapping.meter),
    quantity: field(mapping.quantity)?.trim(),
  };
}

function jsonOf({ id, source, subject, time, meter, quantity }: RowEvent): string {
  const data = { meter, quantity };
  return JSON.stringify({ specversion: '1.0', type: 'com.halfmonth.usage', id, source, subject, time, data });
}
