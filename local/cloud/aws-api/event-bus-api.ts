import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ObservedBusEvent } from '../observer.ts';
import type { Service } from './aws-api-server.ts';

const putEvents = z.object({ Entries: z.array(z.record(z.string(), z.unknown())).min(1).max(10) });

/**
 * EventBridge's `PutEvents` (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html): entries
 * go to the observer and no further, for rules and targets do not run here.
 */
export function eventBusApi(onBusEvent: (event: ObservedBusEvent) => void): Service {
  return {
    PutEvents(input) {
      const entries = putEvents.parse(input).Entries.map((entry) => {
        for (const required of ['Source', 'DetailType', 'Detail']) {
          if (typeof entry[required] !== 'string' || entry[required] === '') {
            return { ErrorCode: 'InvalidArgument', ErrorMessage: `Parameter ${required} is not valid.` };
          }
        }
        if (!isJsonObject(String(entry.Detail))) {
          return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
        }
        onBusEvent(entry);
        return { EventId: randomUUID() };
      });
      return { FailedEntryCount: entries.filter((entry) => 'ErrorCode' in entry).length, Entries: entries };
    },
  };
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
