import type { Readable } from 'node:stream';
import { type CsvOptions, eventsOfCsv } from './csv.ts';
import { openFile } from './file-bytes.ts';
import { eventsOfNdjson } from './ndjson.ts';
import type { RefusedLine, SourcedEvent } from './sourced-event.ts';

/** In what form events stand in a file. */
export type FileForm = { kind: 'ndjson' } | ({ kind: 'csv' } & CsvOptions);

/** Whether a file is CSV by its name, packed or not. */
export function isCsvName(file: string): boolean {
  return /\.csv(\.gz)?$/i.test(file);
}

/**
 * The events of a file, one after the other; both `send` and `npm start` read files with this.
 * @param onRefused told of each line that no event can be read from; the others go on
 * @throws UnreadableFile where the file as a whole cannot be read, before anything of it goes on
 */
export function eventsOfFile(
  input: Readable,
  form: FileForm,
  onRefused: (refused: RefusedLine) => void,
): AsyncGenerator<SourcedEvent> {
  return form.kind === 'csv' ? eventsOfCsv(input, form, onRefused) : eventsOfNdjson(input, onRefused);
}

/**
 * Looks at the beginning of a file.
 * @throws UnreadableFile where no events can be read from it
 */
export async function assertReadable(file: string, form: FileForm): Promise<void> {
  for await (const _event of eventsOfFile(openFile(file), form, () => {})) return;
}
