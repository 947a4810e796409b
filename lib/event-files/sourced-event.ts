import { HalfmonthError } from '../errors/halfmonth-error.ts';

/** One event of a file as text, with the place it comes from and how far the file has been read. */
export interface SourcedEvent {
  /** From 1. */
  line: number;
  /** JSON of one element: of one event, if all is well. */
  text: string;
  /** How far into the input its line ends, in bytes. */
  bytes: number;
  /** Whether nothing more comes of its line: an array on one line holds several. */
  endsLine: boolean;
}

/** A line that no event could be read from: it does not go on, and the others do. */
export interface RefusedLine {
  line: number;
  reason: FileFault;
  /** One sentence for people: what is wrong and what would be right. */
  message: string;
}

/** Why a line of the file is refused. */
export type FileFault = 'NOT_UTF8' | 'NOT_JSON' | 'LINE_TOO_LONG' | 'FIELDS_DIFFER' | 'FIELD_EMPTY' | 'NOT_CSV';

/** The file is none that events can be read from; nothing of it has gone on. */
export class UnreadableFile extends HalfmonthError {
  readonly code = 'UNREADABLE_FILE';
}
