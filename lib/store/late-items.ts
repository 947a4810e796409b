import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { hexOfIdentity, type Identity } from '../events/identity.ts';
import type { LateEvent } from '../usage/records.ts';
import type { LateEntry } from '../usage/usage-slices.ts';

/** Late events as the list attribute `late` of a usage slice holds them. */
export function lateItemsOf({ events, at }: LateEntry): AttributeValue[] {
  const countedAt = { S: new Date(at).toISOString() };
  return events.map(({ identity, meter, quantity, instant }) => ({
    M: {
      identity: { S: hexOfIdentity(identity) },
      meter: { S: meter },
      quantity: { S: quantity },
      countedAt,
      eventTime: { S: new Date(instant).toISOString() },
    },
  }));
}

/** The late event in an element of the attribute `late`. */
export function lateEventOf({ M }: AttributeValue): LateEvent {
  const text = (name: keyof LateEvent) => M?.[name]?.S ?? '';
  return {
    identity: text('identity'),
    meter: text('meter'),
    quantity: text('quantity'),
    countedAt: text('countedAt'),
    eventTime: text('eventTime'),
  };
}

/** The identity in an element of the attribute `late`. */
export function identityOfLateItem(item: AttributeValue): Identity {
  return Buffer.from(lateEventOf(item).identity, 'hex').toString('latin1');
}
