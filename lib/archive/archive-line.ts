import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { MeterKind } from '../meters/measure.ts';

/** What counting did with an event: see `lib/usage/evidence.ts`. */
export type Treatment = 'counted' | 'duplicate' | 'unsure';

/** One line of an object in the archive: an event as it was counted or dropped. */
export interface ArchiveLine {
  as: Treatment;
  source: string;
  id: string;
  /** The client. */
  subject: string;
  /** RFC 3339, UTC, with milliseconds. */
  time: string;
  meter: string;
  /** As it was counted: of a `count` it is one. */
  quantity: string;
  /** Absent: a sum. */
  kind?: MeterKind;
}

/** The line of an event, without its line feed. */
export function archiveLine(as: Treatment, event: ConsumptionEvent): string {
  const { origin, clientId: subject, instant, meter, quantity, kind } = event;
  const time = new Date(instant).toISOString();
  const counted = { meter, quantity, ...(kind ? { kind } : {}) };
  const line: ArchiveLine = { as, source: origin.source, id: origin.id, subject, time, ...counted };
  return JSON.stringify(line);
}

/**
 * Reads a line back.
 * @throws SyntaxError for what is none
 */
export function readArchiveLine(text: string): ArchiveLine {
  const line: unknown = JSON.parse(text);
  if (isArchiveLine(line)) return line;
  throw new SyntaxError('a line of the archive does not say an event');
}

const TEXTS = ['source', 'id', 'subject', 'time', 'meter', 'quantity'] as const;
const TREATMENTS: readonly unknown[] = ['counted', 'duplicate', 'unsure'] satisfies Treatment[];

function isArchiveLine(line: unknown): line is ArchiveLine {
  if (typeof line !== 'object' || line === null) return false;
  const members = new Map(Object.entries(line));
  return TREATMENTS.includes(members.get('as')) && TEXTS.every((name) => typeof members.get(name) === 'string');
}
