import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { quantitiesOf } from '../../lib/meters/measure.ts';
import type { PackageDocument } from '../../lib/packages/document.ts';
import { measureOfLine } from '../../lib/packages/lines.ts';
import { type Period, periodOf } from '../../lib/periods/periods.ts';
import { readBooks } from '../../lib/store/client-reader.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { visibleJson } from '../../lib/text/visible-text.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { csvLine } from '../terminal/csv.ts';

interface ExportOptions {
  of: 'days' | 'packages';
  file?: string;
}

type Row = Record<string, string | number>;

const COLUMNS = {
  days: ['period', 'client', 'day', 'meter', 'quantity', 'events'],
  packages: [
    'period',
    'package',
    'client',
    'state',
    'revision',
    'submission',
    'processed_revision',
    'meter',
    'quantity',
    'reason',
  ],
};

/**
 * Writes a period's days or packages, one line for each meter, for a spreadsheet. Streams: memory does not grow with
 * the period.
 */
export async function run(context: Context, given: string, options: ExportOptions): Promise<undefined> {
  const period = periodOf(given);
  const cloud = await context.cloud();
  // With --json, standard output holds one object: rows need a file.
  const isFile = options.file !== undefined;
  const sink = options.file === undefined ? process.stdout : createWriteStream(options.file);
  const columns = COLUMNS[options.of];
  let rows = 0;
  const isCsv = context.output.form !== 'jsonl';
  if (isCsv && !isSilent(context, isFile)) await write(sink, csvLine(columns));
  const collected: Row[] = [];
  for await (const row of options.of === 'days' ? daysOf(cloud, period) : packagesOf(cloud, period)) {
    rows += 1;
    if (isSilent(context, isFile)) collected.push(row);
    else await write(sink, isCsv ? csvLine(columns.map((column) => row[column])) : `${visibleJson(row)}\n`);
  }
  if (isFile) {
    sink.end();
    await once(sink, 'finish');
    context.output.note(`${rows} rows in ${options.file}.`);
  }
  context.output.result({
    command: 'export',
    target: cloud.target,
    period: period.id,
    of: options.of,
    rows,
    ...(isFile ? { file: options.file } : { values: collected }),
  });
}

/** With `--json` and no file, the rows are in the one object. */
function isSilent(context: Context, isFile: boolean): boolean {
  return context.output.json && !isFile;
}

async function* daysOf(cloud: Cloud, period: Period): AsyncGenerator<Row> {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for await (const { clientId, days } of readBooks(cloud.tables, period.id, bucket)) {
      for (const { day, totals, events } of days) {
        for (const [index, [meter, quantity]] of Object.entries(quantitiesOf(totals)).entries()) {
          // On the day's first line alone: a spreadsheet that adds the column up gets what was counted.
          yield { period: period.id, client: clientId, day, meter, quantity, ...(index === 0 ? { events } : {}) };
        }
      }
    }
  }
}

async function* packagesOf(cloud: Cloud, period: Period): AsyncGenerator<Row> {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for await (const { heads, revisions } of readBooks(cloud.tables, period.id, bucket)) {
      for (const head of heads) {
        const kept = revisions.find(({ part, revision }) => part === head.part && revision === head.revision);
        // Written by documentText, which made it from a PackageDocument.
        const { lines } = JSON.parse(kept?.document ?? '{"lines":[]}') as Pick<PackageDocument, 'lines'>;
        for (const line of lines) {
          yield {
            period: period.id,
            package: head.packageId,
            client: head.clientId,
            state: head.state,
            revision: head.revision,
            submission: head.submission,
            processed_revision: head.lastProcessedRevision,
            meter: measureOfLine(line),
            quantity: line.quantity,
            reason: head.reason ?? '',
          };
        }
      }
    }
  }
}

async function write(sink: Writable, text: string): Promise<void> {
  if (!sink.write(text)) await once(sink, 'drain');
}
