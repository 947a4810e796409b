import { createHash } from 'node:crypto';

/** A message as it was delivered this time. */
export interface Delivery {
  messageId: string;
  /** How often it was delivered, this time included. */
  receives: number;
}

/** A message that was not counted in so many deliveries may be what ended their invocations. */
const SUSPECT_RECEIVES = 3;
/** Few enough that their requests fit into one invocation even where an outage has made every message suspect. */
const SUSPECT_PORTIONS = 32;

/**
 * Cuts a batch into what is counted and deleted before the next is begun, so that a message that ends its invocation
 * takes few others with it: first what is delivered for the first times, then suspects in small portions. They go up
 * and down by turns in an order that changes, so that after two deliveries only the portion of a bad message is left,
 * which the next ones cut on.
 * @returns at least one portion; one alone where nothing is suspect
 */
export function portionsOf<Message extends Delivery>(deliveries: readonly Message[]): Message[][] {
  const suspects = deliveries.filter(isSuspect);
  if (suspects.length === 0) return [[...deliveries]];
  const first = deliveries.filter((delivery) => !isSuspect(delivery));
  const ordered = inTurn(suspects);
  const size = Math.ceil(ordered.length / SUSPECT_PORTIONS);
  const portions = first.length > 0 ? [first] : [];
  for (let start = 0; start < ordered.length; start += size) portions.push(ordered.slice(start, start + size));
  return portions;
}

function isSuspect({ receives }: Delivery): boolean {
  return receives >= SUSPECT_RECEIVES;
}

function inTurn<Message extends Delivery>(suspects: readonly Message[]): Message[] {
  const most = suspects.reduce((found, { receives }) => Math.max(found, receives), 0);
  const turn = most - SUSPECT_RECEIVES;
  const places = new Map(suspects.map(({ messageId }) => [messageId, placeOf(messageId, Math.floor(turn / 2))]));
  const placeIn = ({ messageId }: Message) => places.get(messageId) ?? '';
  const upwards = suspects.toSorted((one, other) => (placeIn(one) < placeIn(other) ? -1 : 1));
  return turn % 2 === 0 ? upwards : upwards.reverse();
}

function placeOf(messageId: string, pair: number): string {
  return createHash('sha256').update(`${pair} ${messageId}`).digest('hex');
}
