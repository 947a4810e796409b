import { type AcceptanceWindow, type ConsumptionEvent, isAccepted, readEvent } from './consumption-event.ts';
import { elementTexts, parseJson } from './json.ts';
import { type Rejection, rejection } from './rejection.ts';

/** A part of a message that cannot be counted, with the text as it came. */
export interface RejectedElement extends Rejection {
  /** The whole message, or the one element of its array. */
  body: string;
  /** The place in the array, from 0; absent when the whole message is rejected. */
  index?: number;
}

/** What a message holds. Good elements count, whatever stands beside them. */
export interface MessageContent {
  events: ConsumptionEvent[];
  rejected: RejectedElement[];
}

/**
 * Reads a message: one event, or an array of events (CloudEvents batch format,
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format). Never throws.
 */
export function readMessage(body: string, window: AcceptanceWindow): MessageContent {
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch (error) {
    return whole(body, rejection('NOT_JSON', `The message is not JSON: ${reasonOf(error)}`));
  }
  if (!Array.isArray(parsed)) {
    const outcome = readEvent(parsed, window);
    return isAccepted(outcome) ? { events: [outcome], rejected: [] } : whole(body, outcome);
  }
  if (parsed.length === 0)
    return whole(body, rejection('EMPTY_BATCH', 'The message is an empty array: no event is in it.'));
  return readElements(body, parsed, window);
}

function readElements(body: string, elements: unknown[], window: AcceptanceWindow): MessageContent {
  const events: ConsumptionEvent[] = [];
  const faults: { index: number; fault: Rejection }[] = [];
  elements.forEach((element, index) => {
    const outcome = readEvent(element, window);
    if (isAccepted(outcome)) events.push(outcome);
    else faults.push({ index, fault: outcome });
  });
  const texts = faults.length > 0 ? textsOf(body) : [];
  return { events, rejected: faults.map(({ index, fault }) => ({ ...fault, index, body: texts[index] ?? body })) };
}

/** Without the texts of single elements, which takes a stack that a hostile nesting exhausts, the whole body stands for each. */
function textsOf(body: string): string[] {
  try {
    return elementTexts(body);
  } catch {
    return [];
  }
}

function whole(body: string, fault: Rejection): MessageContent {
  return { events: [], rejected: [{ ...fault, body }] };
}

/** The parser's complaint without the snippet of the text that V8 puts into it: logs hold no payloads. */
function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'it is nested too deeply.';
  const place = error instanceof Error ? /position \d+/.exec(error.message)?.[0] : undefined;
  return place ? `it cannot be read at ${place}.` : 'it ends too early or is no JSON at all.';
}
