import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { MAXIMUM_MESSAGE_BYTES } from '../../lib/events/rejected-event.ts';
import { WrongUsage } from '../terminal/errors.ts';

/** A message is an array of events. */
const BRACKETS_BYTES = 2;

/** One event as text, with the place it comes from and how far the file has been read. */
export interface SourcedEvent {
  /** From 1. */
  line: number;
  /** JSON of one event, or of an array of events. */
  text: string;
  /** How far into the input it ends, in bytes. */
  bytes: number;
}

/** A line that is no event: it was not sent. */
export interface BadLine {
  line: number;
  reason: string;
}

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

/** Reads `id=COLUMN,subject=COLUMN,...`. @throws WrongUsage naming what is missing or unknown */
export function readMapping(text: string): ColumnMapping {
  const entries = text.split(',').map((pair) => {
    const [, name = '', column = ''] = /^\s*([^=]+?)\s*=\s*(.+?)\s*$/.exec(pair) ?? [];
    if (!name || !column) throw new WrongUsage(`--map: "${pair}" is not NAME=COLUMN.`);
    return [name, column] as const;
  });
  const mapping = Object.fromEntries(entries);
  const unknown = entries.find(([name]) => ![...REQUIRED, 'source'].some((known) => known === name));
  if (unknown) throw new WrongUsage(`--map: there is no "${unknown[0]}"; there are ${REQUIRED.join(', ')} and source.`);
  const missing = REQUIRED.filter((name) => mapping[name] === undefined);
  if (missing.length > 0) {
    throw new WrongUsage(
      `--map: ${missing.join(', ')} missing. Write id=COLUMN,subject=COLUMN,time=COLUMN,meter=COLUMN,quantity=COLUMN; ` +
        'the id must be the same when the same row is sent again, so that it counts once.',
    );
  }
  // Every required name is there.
  return mapping as unknown as ColumnMapping;
}

/** The events of a newline-delimited JSON stream; lines that are no JSON, or too long for a message, are reported and left out. */
export async function* eventsOfNdjson(input: Readable, onBad: (bad: BadLine) => void): AsyncGenerator<SourcedEvent> {
  let line = 0;
  let bytes = 0;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    // With its line break: of two characters' width where a file comes from Windows, which is near enough.
    bytes += Buffer.byteLength(text) + 1;
    if (text.trim() === '') continue;
    const size = Buffer.byteLength(text) + BRACKETS_BYTES;
    if (size > MAXIMUM_MESSAGE_BYTES) {
      onBad({
        line,
        reason: `it has ${size} bytes, and a message of the queue holds ${MAXIMUM_MESSAGE_BYTES}: cut it`,
      });
      continue;
    }
    try {
      JSON.parse(text);
      // The text itself goes on: parsing it would cost a quantity its digits.
      yield { line, text, bytes };
    } catch (error) {
      onBad({ line, reason: error instanceof Error ? error.message : String(error) });
    }
  }
}

/**
 * The events of a CSV file with a heading line. Quantities stay text, so no digit is lost.
 * @throws WrongUsage when a mapped column is not in the heading
 */
export async function* eventsOfCsv(
  input: Readable,
  mapping: ColumnMapping,
  source: string | undefined,
  onBad: (bad: BadLine) => void,
): AsyncGenerator<SourcedEvent> {
  const { parse } = await import('csv-parse');
  let isChecked = false;
  const parser = input.pipe(
    parse({ columns: true, bom: true, info: true, relax_column_count: true, skip_empty_lines: true }),
  );
  input.once('error', (error) => parser.destroy(error));
  for await (const { record, info } of parser as AsyncIterable<{
    record: Record<string, string>;
    info: { lines: number; bytes: number };
  }>) {
    if (!isChecked) checkColumns(mapping, record);
    isChecked = true;
    const event = eventOfRow(mapping, source, record);
    const empty = Object.entries(event).find(([, value]) => value === undefined || value === '');
    if (empty) onBad({ line: info.lines, reason: `${empty[0]} is empty` });
    else yield { line: info.lines, text: jsonOf(event), bytes: info.bytes };
  }
}

interface RowEvent {
  id?: string | undefined;
  source?: string | undefined;
  subject?: string | undefined;
  time?: string | undefined;
  meter?: string | undefined;
  quantity?: string | undefined;
}

function eventOfRow(mapping: ColumnMapping, source: string | undefined, row: Record<string, string>): RowEvent {
  return {
    id: row[mapping.id],
    source: (mapping.source === undefined ? source : row[mapping.source]) ?? source,
    subject: row[mapping.subject],
    time: row[mapping.time],
    meter: row[mapping.meter],
    quantity: row[mapping.quantity]?.trim(),
  };
}

function jsonOf({ id, source, subject, time, meter, quantity }: RowEvent): string {
  const data = { meter, quantity };
  return JSON.stringify({ specversion: '1.0', type: 'com.halfmonth.usage', id, source, subject, time, data });
}

function checkColumns(mapping: ColumnMapping, record: Record<string, string>): void {
  const missing = Object.values(mapping).filter((column) => !(column in record));
  if (missing.length === 0) return;
  throw new WrongUsage(`The file has no column ${missing.join(', ')}; it has ${Object.keys(record).join(', ')}.`);
}

/** Opens a file, or standard input for `-`. */
export function openSource(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}
