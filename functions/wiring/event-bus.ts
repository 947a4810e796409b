import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { HalfmonthError } from '../../lib/errors/halfmonth-error.ts';
import type { Notifications } from '../../lib/runs/notifications.ts';
import { visibleJson } from '../../lib/text/visible-text.ts';
import { type Environment, readVariables } from './variables.ts';

/** EventBridge did not take an event. */
export class NotificationFailed extends HalfmonthError {
  readonly code = 'NOTIFICATION_FAILED';
}

/** The account's own bus. */
const BUS = 'default';

/**
 * Notifications as EventBridge events with the source `halfmonth` on the account's own bus.
 * @param service who speaks, such as `halfmonth-prod`: it is in each event's detail, for stages of one account share
 * the bus
 */
export function eventBusNotifications(client: EventBridgeClient, service: string): Notifications {
  return {
    async notify({ type, detail }) {
      // A rule may pass it on to a mail, so nothing in it steers what shows it.
      const Detail = visibleJson({ service, ...detail });
      const { FailedEntryCount, Entries } = await client.send(
        new PutEventsCommand({ Entries: [{ EventBusName: BUS, Source: 'halfmonth', DetailType: type, Detail }] }),
      );
      // PutEvents answers 200 for events that it refused
      // (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
      if (FailedEntryCount) {
        throw new NotificationFailed(`EventBridge refused the event "${type}": ${Entries?.[0]?.ErrorMessage}`);
      }
    },
  };
}

/**
 * Notifications in the name of the service with its stage, such as `halfmonth-prod`.
 * @throws InvalidEnvironment
 */
export function notificationsOf(environment: Environment): Notifications {
  const { POWERTOOLS_SERVICE_NAME } = readVariables(environment, 'POWERTOOLS_SERVICE_NAME');
  return eventBusNotifications(new EventBridgeClient(), POWERTOOLS_SERVICE_NAME);
}
