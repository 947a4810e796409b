import { existsSync } from 'node:fs';
import { type ColumnMapping, InvalidMapping, readMapping } from '../../lib/event-files/csv.ts';
import { eventsOfFile, isCsvName } from '../../lib/event-files/event-file.ts';
import { openFile } from '../../lib/event-files/file-bytes.ts';
import { type RefusedLine, type SourcedEvent, UnreadableFile } from '../../lib/event-files/sourced-event.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { sendEvents } from '../events/event-sender.ts';
import { SendBookmark } from '../events/send-bookmark.ts';
import { displaySending } from '../events/send-progress.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

interface SendOptions {
  map?: string;
  source?: string;
  format?: string;
  rate?: number;
  resume?: boolean;
}

interface FileResult {
  file: string;
  events: number;
  skippedLines: number;
  badLines: RefusedLine[];
}

const BAD_LINES_SHOWN = 10;

/** Sends events from files or standard input to the queue. */
export async function run(context: Context, files: string[], options: SendOptions): Promise<ExitCode> {
  const sources = files.length > 0 ? files : ['-'];
  if (files.length === 0 && process.stdin.isTTY) throw new WrongUsage('Which events? Name files, or pipe events in.');
  const missing = sources.find((file) => file !== '-' && !existsSync(file));
  if (missing !== undefined) throw new WrongUsage(`There is no file ${missing}. Nothing was sent.`);
  const mapping = options.map === undefined ? undefined : mappingOf(options.map);
  for (const file of sources) checkForm(file, options, mapping);
  const cloud = await context.cloud();
  const results: FileResult[] = [];
  for (const file of sources) results.push(await sendFile(context, cloud, file, options, mapping));
  const { output } = context;
  output.result({ command: 'send', target: cloud.target, files: results });
  for (const { file, events, skippedLines, badLines } of results) {
    const skipped = skippedLines > 0 ? `, ${plural(skippedLines, 'line')} sent before` : '';
    output.line(`${file === '-' ? 'standard input' : file}: ${plural(events, 'event')} on the queue${skipped}`);
    for (const { line, message } of badLines.slice(0, BAD_LINES_SHOWN)) {
      output.line(`  line ${line} not sent: ${message}`);
    }
    if (badLines.length > BAD_LINES_SHOWN) {
      output.line(`  and ${badLines.length - BAD_LINES_SHOWN} more lines not sent (${countsOf(badLines)} in all)`);
    }
  }
  return results.some(({ badLines }) => badLines.length > 0) ? EXIT.foundProblem : EXIT.done;
}

async function sendFile(
  context: Context,
  cloud: Cloud,
  file: string,
  options: SendOptions,
  mapping: ColumnMapping | undefined,
): Promise<FileResult> {
  const bookmark = file === '-' ? undefined : new SendBookmark(file, `${cloud.target.name} ${cloud.target.region}`);
  const skippedLines = options.resume ? (bookmark?.lastLine() ?? 0) : 0;
  const badLines: RefusedLine[] = [];
  const form = mapping ? ({ kind: 'csv', mapping, source: options.source } as const) : ({ kind: 'ndjson' } as const);
  const events = eventsOfFile(openFile(file), form, (refused) => {
    if (refused.line > skippedLines) badLines.push(refused);
  });
  const shownAs = file === '-' ? 'standard input' : file;
  const display = await displaySending(context.output, file);
  try {
    const sent = await sendEvents(
      await cloud.queues(),
      cloud.outputs.EventsQueueUrl,
      after(events, skippedLines),
      options.rate,
      (progress) => {
        bookmark?.save(progress.line, progress.events);
        display.update(progress);
      },
    );
    bookmark?.forget();
    return { file, events: sent.events, skippedLines, badLines };
  } catch (error) {
    if (error instanceof UnreadableFile) throw new WrongUsage(`${shownAs}: ${error.message}`, { cause: error });
    if (error instanceof CommandFailed) throw error;
    const cause = error instanceof Error ? error.message : String(error);
    const resume = bookmark ? ' What was sent stays sent; go on with --resume.' : '';
    throw new CommandFailed('SEND_FAILED', `Sending ${shownAs} stopped: ${cause}.${resume}`, { cause: error });
  } finally {
    display.end();
  }
}

function mappingOf(text: string): ColumnMapping {
  try {
    return readMapping(text);
  } catch (error) {
    if (error instanceof InvalidMapping) throw new WrongUsage(`--map: ${error.message}`, { cause: error });
    throw error;
  }
}

function countsOf(refused: readonly RefusedLine[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of refused) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, lines]) => `${lines} x ${reason}`).join(', ');
}

async function* after(events: AsyncIterable<SourcedEvent>, line: number): AsyncGenerator<SourcedEvent> {
  for await (const event of events) if (event.line > line) yield event;
}

function checkForm(file: string, options: SendOptions, mapping: ColumnMapping | undefined): void {
  const { format = isCsvName(file) || (file === '-' && mapping) ? 'csv' : 'ndjson' } = options;
  if (format !== 'csv' && format !== 'ndjson') throw new WrongUsage(`--format ${format}: there are ndjson and csv.`);
  if (format === 'csv' && !mapping) {
    throw new WrongUsage(
      `${file} is CSV: say which column is which with --map id=COLUMN,subject=COLUMN,time=COLUMN,meter=COLUMN,quantity=COLUMN`,
    );
  }
  if (format === 'ndjson' && mapping) throw new WrongUsage(`--map is for CSV, and ${file} is not; give --format csv.`);
  if (format === 'csv' && mapping?.source === undefined && options.source === undefined) {
    throw new WrongUsage(
      "CSV: name the events' source with --source, or the column that has it with --map source=COLUMN.",
    );
  }
}
