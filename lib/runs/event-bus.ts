import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { Notifications } from './notifications.ts';

/** EventBridge did not take an event. */
export class NotificationFailed extends HalfmonthError {
  readonly code = 'NOTIFICATION_FAILED';
}

/**
 * Notifications as EventBridge events with the source `halfmonth`.
 * @param bus the name of the event bus, `default` for the account's own
 */
export function eventBusNotifications(client: EventBridgeClient, bus: string): Notifications {
  return {
    async notify({ type, detail }) {
      const { FailedEntryCount, Entries } = await client.send(
        new PutEventsCommand({
          Entries: [{ EventBusName: bus, Source: 'halfmonth', DetailType: type, Detail: JSON.stringify(detail) }],
        }),
      );
      // PutEvents answers 200 for events that it refused
      // (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
      if (FailedEntryCount) {
        throw new NotificationFailed(`EventBridge refused the event "${type}": ${Entries?.[0]?.ErrorMessage}`);
      }
    },
  };
}
