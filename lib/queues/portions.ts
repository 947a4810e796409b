import { createHash } from 'node:crypto';

/** A message as it was delivered this time. */
export interface Delivery {
  messageId: string;
  /** How often it was delivered, this time included. */
  receives: number;
}

/** A message that was not counted in so many deliveries may be what ended their invocations. */
const SUSPECT_RECEIVES = 3;
/**
 * Few enough that their requests fit into one invocation even where an outage has made every message suspect. Of a full
 * batch of 10,000, three rounds with two bad messages leave these two: 500, 26 and 2 messages.
 */
const SUSPECT_PORTIONS = 40;
/** Deliveries in one order: from its beginning, from its end, and from its middle. */
const TURNS_IN_ROUND = 3;

/**
 * Cuts a batch into what is counted and deleted before the next is begun, so that a message that ends its invocation
 * takes few others with it: first what is delivered for the first times, then suspects in small portions. These go up,
 * then down, then from the middle to both ends: of two bad messages, the first delivery stops at the one, the second at
 * the other, and the third clears what is between, so that only their own portions are left, which the next round cuts
 * on in another order.
 * @returns at least one portion; one alone where nothing is suspect
 */
export function portionsOf<Message extends Delivery>(deliveries: readonly Message[]): Message[][] {
  const suspects = deliveries.filter(isSuspect);
  if (suspects.length === 0) return [[...deliveries]];
  const first = deliveries.filter((delivery) => !isSuspect(delivery));
  return [...(first.length > 0 ? [first] : []), ...inTurn(suspects)];
}

function isSuspect({ receives }: Delivery): boolean {
  return receives >= SUSPECT_RECEIVES;
}

/** Suspects in portions, in the order of their turn. */
function inTurn<Message extends Delivery>(suspects: readonly Message[]): Message[][] {
  const most = suspects.reduce((found, { receives }) => Math.max(found, receives), 0);
  const turn = most - SUSPECT_RECEIVES;
  const round = Math.floor(turn / TURNS_IN_ROUND);
  const places = new Map(suspects.map(({ messageId }) => [messageId, placeOf(messageId, round)]));
  const placeIn = ({ messageId }: Message) => places.get(messageId) ?? '';
  const upwards = suspects.toSorted((one, other) => (placeIn(one) < placeIn(other) ? -1 : 1));
  return inDirection(cutInPortions(upwards), turn % TURNS_IN_ROUND);
}

function cutInPortions<Message>(suspects: readonly Message[]): Message[][] {
  const size = Math.ceil(suspects.length / SUSPECT_PORTIONS);
  const count = Math.ceil(suspects.length / size);
  return Array.from({ length: count }, (_, portion) => suspects.slice(portion * size, (portion + 1) * size));
}

/** @param turn of a round: up, down, or from the middle to both ends */
function inDirection<Portion>(portions: readonly Portion[], turn: number): Portion[] {
  if (turn === 0) return [...portions];
  if (turn === 1) return portions.toReversed();
  const middle = (portions.length - 1) / 2;
  const distance = (place: number) => Math.abs(place - middle);
  return [...portions.entries()]
    .sort(([one], [other]) => distance(one) - distance(other))
    .map(([, portion]) => portion);
}

function placeOf(messageId: string, round: number): string {
  return createHash('sha256').update(`${round} ${messageId}`).digest('hex');
}
