import { eventsOfFile, type FileForm } from '../../lib/event-files/event-file.ts';
import { openFile } from '../../lib/event-files/file-bytes.ts';
import type { AcceptanceWindow, ConsumptionEvent } from '../../lib/events/consumption-event.ts';
import { hexOfIdentity, identityOf } from '../../lib/events/identity.ts';
import { readMessage } from '../../lib/events/message.ts';
import type { BillingCalendar } from '../../lib/periods/days.ts';
import type { Expectation } from './expectation.ts';
import { IdentityTable } from './identity-table.ts';
import type { RefusedLines } from './refused-lines.ts';

/** A person's own events. */
export interface EventsFile {
  path: string;
  form: FileForm;
  calendar: BillingCalendar;
  window: AcceptanceWindow;
  /** Told how many bytes of the file have been read so far, and up to which line. */
  onRead(bytes: number, line: number): void;
}

/** What was noticed in the file besides what counts. */
export interface FileFindings {
  /** The lines that nothing was counted of. */
  refused: RefusedLines;
  /** Events that repeat an earlier one's source, id, client and slice with another time, meter or quantity. */
  conflicts: LinesFound;
  /** Events that repeat an earlier one's source and id with another client or slice, where they count again. */
  elsewhere: LinesFound;
}

/** How many events are of a kind, and the number of the first one's line, from 1. */
export interface LinesFound {
  count: number;
  firstLine?: number;
}

const EVENTS_PER_MESSAGE = 100;
const MESSAGE_BYTES = 100_000;
const BRACKETS_BYTES = 2;
/** So many bad elements of a message are surely rejected each by itself. */
const FAULTS_PER_MESSAGE = 8;

/**
 * Reads a file of events and yields the bodies of queue messages: arrays of up to 100 events. Adds to the expectation
 * what must come of each; names the lines that cannot be counted. Holds one message's events and about 100 bytes for
 * each that it has met.
 * @throws UnreadableFile
 */
export async function* fileMessages(
  { path, form, calendar, window, onRead }: EventsFile,
  expectation: Expectation,
  findings: FileFindings,
): AsyncGenerator<string> {
  const repeats = new Repeats(calendar, findings);
  let gathered: string[] = [];
  let bytes = BRACKETS_BYTES;
  let faults = 0;
  const message = () => {
    const body = `[${gathered.join(',')}]`;
    gathered = [];
    bytes = BRACKETS_BYTES;
    faults = 0;
    expectation.messages += 1;
    return body;
  };
  for await (const element of eventsOfFile(openFile(path), form, (refused) => findings.refused.add(refused))) {
    const size = Buffer.byteLength(element.text) + 1;
    const isFull = gathered.length === EVENTS_PER_MESSAGE || faults === FAULTS_PER_MESSAGE;
    if (gathered.length > 0 && (isFull || bytes + size > MESSAGE_BYTES)) {
      yield message();
      onRead(element.bytes, element.line);
    }
    faults += expect(element.text, element.line);
    gathered.push(element.text);
    bytes += size;
  }
  if (gathered.length > 0) yield message();
  findings.refused.flush();

  /** Adds what must come of an element. Answers how many faults are in it. */
  function expect(text: string, line: number): number {
    // In an array, as it will travel.
    const { events, rejected } = readMessage(`[${text}]`, window);
    expectation.deliveries += events.length + rejected.length;
    for (const { reason, message: sentence } of rejected) {
      expectation.addMalformed(reason);
      findings.refused.add({ line, reason, message: sentence });
    }
    for (const event of events) {
      if (repeats.isNew(event, line)) expectation.addValid(calendar.dayOf(event.instant), event);
    }
    return rejected.length;
  }
}

/** Knows which events count once more: an event is known by source and id within its client and its slice. */
class Repeats {
  readonly #calendar: BillingCalendar;
  readonly #findings: FileFindings;
  readonly #inSlices = new IdentityTable();
  readonly #anywhere = new IdentityTable();

  constructor(calendar: BillingCalendar, findings: FileFindings) {
    this.#calendar = calendar;
    this.#findings = findings;
  }

  isNew({ identity, clientId, instant, meter, quantity }: ConsumptionEvent, line: number): boolean {
    const { day, slice } = this.#calendar.positionOf(instant);
    const place = `${clientId}#${day}#${slice}`;
    const meeting = this.#inSlices.meet(identityOf(hexOfIdentity(identity), place), `${instant}#${meter}#${quantity}`);
    if (meeting === 'conflict') note(this.#findings.conflicts, line);
    const before = this.#anywhere.meet(identity, place);
    if (meeting === 'new' && before === 'conflict') note(this.#findings.elsewhere, line);
    return meeting === 'new';
  }
}

function note(found: LinesFound, line: number): void {
  found.count += 1;
  found.firstLine ??= line;
}
