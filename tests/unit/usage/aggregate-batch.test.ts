import { expect, test } from '@jest/globals';
import type { RejectedEvent } from '../../../lib/events/rejected-event.ts';
import { aggregateBatch, type QueueMessage } from '../../../lib/usage/aggregate-batch.ts';
import { UsageCounter } from '../../../lib/usage/usage-counter.ts';
import { consumptionEventText } from '../../fixtures/consumption-events.ts';
import { UTC_CALENDAR } from '../../fixtures/counting.ts';

const NOW = Date.parse('2026-11-10T12:30:00Z');

/** A counter whose table takes every change, except those of the clients named. */
function counterThatFailsFor(...clients: string[]): UsageCounter {
  return new UsageCounter({
    slices: {
      loadPages: async () => new Map(),
      loadFrom: async () => [],
      change: async ({ clientId }) => {
        if (clients.includes(clientId)) throw new Error('throttled');
        return { changed: true };
      },
      markLate: async () => ({ changed: true }),
    },
    marks: { learn: async () => {}, ensure: async () => {} },
    closings: { closedAt: async () => undefined, closedAtNow: async () => undefined },
    control: { put: async () => {} },
    calendar: UTC_CALENDAR,
    concurrency: 4,
    now: () => NOW,
  });
}

const sendsAll = { send: async () => ({ events: new Set<RejectedEvent>(), failures: [] }) };

const messageOf = (messageId: string, body: string): QueueMessage => ({ messageId, body, sentAt: NOW });

test('a group that fails fails the messages that its events came in, repeats included, and no others', async () => {
  const bad = consumptionEventText({ subject: 'bad' });
  const good = consumptionEventText({ subject: 'good' });
  const messages = [
    messageOf('good', good),
    messageOf('bad', bad),
    messageOf('both', `[${good},${consumptionEventText({ subject: 'bad' })}]`),
    messageOf('repeats the bad', bad),
  ];
  const options = {
    counter: counterThatFailsFor('bad'),
    rejectedEvents: sendsAll,
    eventMaxAgeDays: 45,
    now: () => NOW,
  };

  const outcome = await aggregateBatch(options, messages);

  expect(outcome.failedMessageIds.sort()).toEqual(['bad', 'both', 'repeats the bad']);
  expect(outcome).toMatchObject({ counted: 1, duplicates: 2, oldestEventAt: Date.parse('2026-11-10T12:00:00Z') });
});

test('a message that breaks reading fails alone', async () => {
  const poison: QueueMessage = {
    messageId: 'poison',
    get body(): string {
      throw new TypeError('broken');
    },
    sentAt: NOW,
  };
  const options = { counter: counterThatFailsFor(), rejectedEvents: sendsAll, eventMaxAgeDays: 45, now: () => NOW };

  const outcome = await aggregateBatch(options, [poison, messageOf('good', consumptionEventText())]);

  expect(outcome).toMatchObject({ counted: 1, failedMessageIds: ['poison'], failures: [expect.any(TypeError)] });
});
