import { acceptanceWindowAt } from '../events/consumption-event.ts';
import { type EventRules, readMessage } from '../events/message.ts';
import type { RejectedEvent } from '../events/rejected-event.ts';
import type { DeliveredEvent } from './slice-group.ts';
import type { BatchOutcome, UsageCounter } from './usage-counter.ts';

/** A message as the queue delivered it. */
export interface QueueMessage {
  messageId: string;
  body: string;
  /** When the queue received it, in milliseconds since the epoch. */
  sentAt: number;
}

/** What could not be sent, and why. */
export interface UnsentEvents {
  events: Set<RejectedEvent>;
  failures: Error[];
}

/** Where rejected events go. */
export interface RejectedEvents {
  /** Sends them; never throws. */
  send(events: readonly RejectedEvent[]): Promise<UnsentEvents>;
}

/** What a batch of messages came to. */
export interface AggregationOutcome extends Omit<BatchOutcome, 'failedMessages'> {
  /** The ids of the messages that have to come again. */
  failedMessageIds: string[];
  /** How many events were rejected, by reason. */
  rejected: Map<string, number>;
  /** The rejected events themselves. */
  rejections: RejectedEvent[];
  /** Milliseconds since the epoch: the time of the oldest event that was read, if any. */
  oldestEventAt: number | undefined;
}

/** What aggregating works with. */
export interface AggregationOptions {
  counter: UsageCounter;
  rejectedEvents: RejectedEvents;
  /** What is known of meters; absent: nothing is. */
  rules?: EventRules | undefined;
  /** Events older than this many days are rejected. */
  eventMaxAgeDays: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/**
 * Counts what a batch of messages holds and rejects what can never be counted. A message fails, and so comes again,
 * only if one of its events could not be counted or one of its rejections not be sent; doing the rest again is
 * harmless.
 * @param deadline no group is begun after this instant, in milliseconds since the epoch
 */
export async function aggregateBatch(
  { counter, rejectedEvents, rules, eventMaxAgeDays, now = Date.now }: AggregationOptions,
  messages: readonly QueueMessage[],
  deadline?: number,
): Promise<AggregationOutcome> {
  const at = now();
  const delivered: DeliveredEvent[] = [];
  const rejections: RejectedEvent[] = [];
  const numberOfRejection = new Map<RejectedEvent, number>();
  const rejected = new Map<string, number>();
  let oldest = Number.POSITIVE_INFINITY;
  const unreadable = new Map<number, Error>();
  const read = ({ messageId, body, sentAt }: QueueMessage, message: number): void => {
    const content = readMessage(body, acceptanceWindowAt(at, eventMaxAgeDays, sentAt), rules);
    for (const event of content.events) {
      delivered.push({ event, message });
      oldest = Math.min(oldest, event.instant);
    }
    for (const element of content.rejected) {
      const rejection = { ...element, messageId, receivedAt: new Date(sentAt).toISOString() };
      rejections.push(rejection);
      numberOfRejection.set(rejection, message);
      rejected.set(element.reason, (rejected.get(element.reason) ?? 0) + (element.elements ?? 1));
    }
  };
  messages.forEach((message, number) => {
    try {
      read(message, number);
    } catch (error) {
      // Never seen; but one message that breaks reading must not keep a whole batch from being counted.
      unreadable.set(number, error instanceof Error ? error : new Error(String(error)));
    }
  });
  const [{ failedMessages, ...outcome }, unsent] = await Promise.all([
    counter.count(delivered, deadline),
    rejectedEvents.send(rejections),
  ]);
  for (const message of unreadable.keys()) failedMessages.add(message);
  for (const rejection of unsent.events) failedMessages.add(numberOfRejection.get(rejection) ?? 0);
  return {
    ...outcome,
    failures: [...unreadable.values(), ...outcome.failures, ...unsent.failures],
    failedMessageIds: [...failedMessages].flatMap((message) => messages[message]?.messageId ?? []),
    rejected,
    rejections,
    oldestEventAt: Number.isFinite(oldest) ? oldest : undefined,
  };
}
