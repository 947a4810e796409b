import { createHash } from 'node:crypto';
import type { RejectedElement } from './message.ts';

/** A rejected element with where it came from. */
export interface RejectedEvent extends RejectedElement {
  messageId: string;
  /** When the queue received the message, RFC 3339, UTC. */
  receivedAt: string;
}

/** What the rejected queue's messages carry, as JSON. */
export interface RejectedMessage {
  /** The same when the same message is rejected again after a redelivery: a reader keeps one of them. */
  rejectionId: string;
  reason: string;
  /** One sentence for people: what is wrong and what to do. */
  message: string;
  /** The original text: the whole message, the one element of its array, or an array of the `elements` elements. */
  body: string;
  /** RFC 3339, UTC. */
  receivedAt: string;
  messageId: string;
  /** The element's place in the message's array, from 0. */
  index?: number;
  /** How many elements are rejected together; absent: one. */
  elements?: number;
  /** Only for a body that is too large for one message: the bodies of all parts, joined in order, are the original. */
  part?: { number: number; of: number };
}

/**
 * SQS takes 1 MiB a message
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
 */
export const MAXIMUM_MESSAGE_BYTES = 1_048_576;
/** Fits into a message whatever its characters are: one of them takes six bytes in JSON at most. */
const PART_LENGTH = 170_000;

/** The messages that tell of a rejected event: one, or several parts when the original does not fit into one. */
export function rejectedMessagesOf(event: RejectedEvent): string[] {
  const { body, reason, message, receivedAt, messageId, index, elements } = event;
  const rejectionId = createHash('sha256')
    .update(JSON.stringify([messageId, index ?? null]))
    .digest('hex')
    .slice(0, 32);
  const place = { ...(index === undefined ? {} : { index }), ...(elements === undefined ? {} : { elements }) };
  const head = { rejectionId, reason, message, receivedAt, messageId, ...place };
  const single: RejectedMessage = { ...head, body };
  const text = jsonTextForQueue(JSON.stringify(single));
  if (Buffer.byteLength(text) <= MAXIMUM_MESSAGE_BYTES) return [text];
  const pieces = piecesOf(body);
  return pieces.map((piece, position) => {
    const part: RejectedMessage = { ...head, body: piece, part: { number: position + 1, of: pieces.length } };
    return jsonTextForQueue(JSON.stringify(part));
  });
}

const REFUSED_CHARACTER = /[\ud800-\udfff\ufffe\uffff]/g;

/**
 * The same JSON with every character escaped that SQS or an emulator of it refuses: the two non-characters of the basic
 * plane, and what lies above that plane
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
 */
export function jsonTextForQueue(json: string): string {
  return json.replace(REFUSED_CHARACTER, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}

/** Cuts a text, never between the two halves of a surrogate pair. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = start + PART_LENGTH;
    const splitsPair = /[\ud800-\udbff]/.test(text.charAt(end - 1)) && /[\udc00-\udfff]/.test(text.charAt(end));
    const piece = text.slice(start, splitsPair ? end - 1 : end);
    pieces.push(piece);
    start += piece.length;
  }
  return pieces;
}
