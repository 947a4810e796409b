import { type AcceptanceWindow, type ConsumptionEvent, isAccepted, readEvent } from './consumption-event.ts';
import { EXTENDED_CLIENT_POINTER, isExtendedClientPointer } from './envelopes.ts';
import { type JsonElement, type JsonMessage, readJsonMessage } from './json-elements.ts';
import { type Rejection, rejection } from './rejection.ts';

/** A part of a message that cannot be counted, with the text as it came. */
export interface RejectedElement extends Rejection {
  /** The whole message, the one element of its array, or an array of those that `elements` counts: as they came. */
  body: string;
  /** The place in the array, from 0, of the first element that it holds; absent when the whole message is rejected. */
  index?: number;
  /** How many elements are rejected together; absent: one. */
  elements?: number;
}

/** What becomes of an event whose form is right: the event as it counts, or why it never can. */
export type EventRules = (event: ConsumptionEvent) => ConsumptionEvent | Rejection;

/** What a message holds. Good elements count, whatever stands beside them. */
export interface MessageContent {
  events: ConsumptionEvent[];
  rejected: RejectedElement[];
}

/**
 * So many elements of a message are rejected each by itself; the rest goes together, so that a rejection never outgrows
 * its input.
 */
const MOST_FAULTS = 100;
/** A small message may have so many in any case. */
const FAULTS_ANYHOW = 8;
/** An event has more; elements of fewer bytes are rejected together sooner. */
const BYTES_OF_A_FAULT = 128;

/**
 * Reads a message: one event, or an array of events (CloudEvents batch format,
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format), in which
 * there may be none. Never throws; its work grows with the length of the message, and so do its answers.
 * @param rules what events whose form is right are put to; without, they all count
 */
export function readMessage(body: string, window: AcceptanceWindow, rules?: EventRules): MessageContent {
  let message: JsonMessage;
  try {
    message = readJsonMessage(body);
  } catch (error) {
    return whole(body, rejection('NOT_JSON', `The message is not JSON: ${whyNotJson(error, body)}`));
  }
  const { isArray, elements } = message;
  if (isArray && isExtendedClientPointer(elements.map(({ value }) => value))) {
    return whole(body, rejection('NOT_A_CLOUDEVENT', EXTENDED_CLIENT_POINTER));
  }
  const read = (element: JsonElement) => {
    const outcome = readEvent(element, window);
    return rules && isAccepted(outcome) ? rules(outcome) : outcome;
  };
  if (isArray) return readElements(body, elements, read);
  const outcomes = elements.map(read);
  return {
    events: outcomes.filter(isAccepted),
    rejected: outcomes.flatMap((outcome) => (isAccepted(outcome) ? [] : [{ ...outcome, body }])),
  };
}

function readElements(
  body: string,
  elements: readonly JsonElement[],
  read: (element: JsonElement) => ConsumptionEvent | Rejection,
): MessageContent {
  const events: ConsumptionEvent[] = [];
  const faults: RejectedElement[] = [];
  elements.forEach((element, index) => {
    const outcome = read(element);
    if (isAccepted(outcome)) events.push(outcome);
    else faults.push({ ...outcome, body: element.text, index });
  });
  const apart = Math.max(FAULTS_ANYHOW, Math.min(MOST_FAULTS, Math.floor(body.length / BYTES_OF_A_FAULT)));
  return { events, rejected: [...faults.slice(0, apart), ...together(faults.slice(apart))] };
}

/** Many elements as one rejection: an array of their texts, which can be sent again once it is mended. */
function together(faults: readonly RejectedElement[]): RejectedElement[] {
  const [first] = faults;
  if (!first) return [];
  const byReason = new Map<string, number>();
  for (const { reason } of faults) byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  const reasons = [...byReason].map(([reason, elements]) => `${elements} x ${reason}`).join(', ');
  const fault = rejection(
    'TOO_MANY_FAULTS',
    `${faults.length} more elements of this message cannot be counted (${reasons}); the first of them: ${first.message}`,
  );
  const body = `[${faults.map(({ body: text }) => text).join(',')}]`;
  return [{ ...fault, body, index: first.index ?? 0, elements: faults.length }];
}

function whole(body: string, fault: Rejection): MessageContent {
  return { events: [], rejected: [{ ...fault, body }] };
}

const BYTE_ORDER_MARK = 0xfeff;
/** The parser's words hold some of the text in front of this. */
const LONGEST_COMPLAINT = 500;

/** The parser's complaint without the snippet of the text that V8 puts into it: logs hold no payloads. */
export function whyNotJson(error: unknown, body: string): string {
  if (error instanceof RangeError) return 'it is nested too deeply.';
  if (body.charCodeAt(0) === BYTE_ORDER_MARK) return 'it begins with a byte order mark; send it without.';
  const complaint = error instanceof Error ? error.message.slice(0, LONGEST_COMPLAINT) : '';
  const place = /position (\d+)/.exec(complaint)?.[1];
  if (complaint.startsWith('Unexpected end') || Number(place) === body.length) return 'it ends too early.';
  if (place) return `it cannot be read at position ${place}.`;
  if (/^Unexpected token '[NI]'/.test(complaint)) {
    return 'NaN, Infinity or another word stands where a value should; a quantity must be a finite decimal.';
  }
  return 'what stands in it is no JSON at all.';
}
