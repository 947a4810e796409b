import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { AcceptanceWindow } from '../../lib/events/consumption-event.ts';
import { readMessage } from '../../lib/events/message.ts';
import { MAXIMUM_MESSAGE_BYTES } from '../../lib/events/rejected-event.ts';
import type { BillingCalendar } from '../../lib/periods/days.ts';
import type { Expectation } from './expectation.ts';
import { IdentityTable } from './identity-table.ts';

/** A person's own events. */
export interface EventsFile {
  /** One CloudEvent in JSON a line; empty lines are passed over. */
  path: string;
  calendar: BillingCalendar;
  window: AcceptanceWindow;
  /** Told how many bytes of the file have been read so far. */
  onRead(bytes: number): void;
}

/** What was noticed in the file besides what counts. */
export interface FileFindings {
  lines: number;
  /** Lines that repeat an earlier event's source and id with another client, time, meter or quantity. */
  conflicts: number;
  /** The number of the first such line, from 1. */
  firstConflictLine?: number;
}

/** A line is longer than a message of the queue may be. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
  readonly code = 'LINE_TOO_LONG';
}

const EVENTS_PER_MESSAGE = 100;
const MESSAGE_BYTES = 100_000;
const BRACKETS_BYTES = 2;

/**
 * Reads a file of events line by line and yields the bodies of queue messages: arrays of up to 100 events, and by itself
 * what cannot stand in an array. Every line goes out as it stands, whatever is wrong with it. Adds to the expectation what
 * must come of each line; holds one message's lines and 28 to 57 bytes for each event that it has met.
 * @throws LineTooLong
 */
export async function* fileMessages(
  { path, calendar, window, onRead }: EventsFile,
  expectation: Expectation,
  findings: FileFindings,
): AsyncGenerator<string> {
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 });
  const identities = new IdentityTable();
  let gathered: string[] = [];
  let bytes = BRACKETS_BYTES;
  const gatheredBody = () => {
    const body = `[${gathered.join(',')}]`;
    gathered = [];
    bytes = BRACKETS_BYTES;
    return body;
  };
  for await (const raw of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    findings.lines += 1;
    const line = withoutByteOrderMark(raw).trim();
    if (line === '') continue;
    const size = sizeOf(line, findings.lines);
    const isElement = expect(line);
    if (!isElement) {
      yield send(line, expectation);
      continue;
    }
    if (gathered.length === EVENTS_PER_MESSAGE || (gathered.length > 0 && bytes + size > MESSAGE_BYTES)) {
      yield send(gatheredBody(), expectation);
      onRead(stream.bytesRead);
    }
    gathered.push(line);
    bytes += size;
  }
  if (gathered.length > 0) yield send(gatheredBody(), expectation);
  onRead(stream.bytesRead);

  /** Adds what must come of a line. Answers whether it can be an element of an array without spoiling it for others. */
  function expect(line: string): boolean {
    const { events, rejected } = readMessage(line, window);
    expectation.deliveries += events.length + rejected.length;
    for (const { reason } of rejected) expectation.addMalformed(reason);
    for (const event of events) {
      const day = calendar.dayOf(event.instant);
      const meeting = identities.meet(
        event.identity,
        `${event.clientId}#${event.instant}#${event.meter}#${event.quantity}`,
      );
      if (meeting === 'new') expectation.addValid(day, event.meter, event.quantity);
      if (meeting === 'conflict') {
        findings.conflicts += 1;
        findings.firstConflictLine ??= findings.lines;
      }
    }
    return line.startsWith('{') && rejected[0]?.reason !== 'NOT_JSON';
  }
}

function send(body: string, expectation: Expectation): string {
  expectation.messages += 1;
  return body;
}

function sizeOf(line: string, number: number): number {
  const size = Buffer.byteLength(line) + 1;
  if (size <= MAXIMUM_MESSAGE_BYTES - BRACKETS_BYTES) return size;
  throw new LineTooLong(`Line ${number} has ${size} bytes; a message of the queue holds ${MAXIMUM_MESSAGE_BYTES}.`);
}

function withoutByteOrderMark(line: string): string {
  return line.charCodeAt(0) === 0xfeff ? line.slice(1) : line;
}
