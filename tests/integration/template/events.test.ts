import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { describe, expect, test } from '@jest/globals';
import { eventBusNotifications } from '../../../functions/wiring/event-bus.ts';
import type { Notification } from '../../../lib/runs/notifications.ts';
import { eventBusApi } from '../../../local/cloud/aws-api/event-bus-api.ts';
import type { ObservedBusEvent } from '../../../local/cloud/observer.ts';
import { LOCAL_CLIENT, startJsonService } from '../../fixtures/json-service.ts';
import { packagedTemplate, resourcesOf, type Template } from '../../fixtures/packaged-service.ts';

const forecast: Notification = {
  type: 'Forecast Past Deadline',
  detail: {
    periodId: '2026-11-H1',
    runId: 'run-1',
    packages: 12,
    expectedEndAt: '2026-11-20T00:00:00Z',
    deadline: '2026-11-19T00:00:00Z',
  },
};

/**
 * What is on the bus after the functions of a stage, with the environment that its template gives them, have spoken.
 */
async function eventOf(template: Template, notification: Notification): Promise<ObservedBusEvent> {
  const events: ObservedBusEvent[] = [];
  const bus = await startJsonService(eventBusApi((event) => events.push(event)));
  const client = new EventBridgeClient({ ...LOCAL_CLIENT, endpoint: bus.endpoint });
  try {
    await eventBusNotifications(client, serviceNameIn(template)).notify(notification);
  } finally {
    client.destroy();
    bus.stop();
  }
  expect(events).toHaveLength(1);
  return events[0] ?? {};
}

function serviceNameIn(template: Template): string {
  const names = resourcesOf(template, 'AWS::Lambda::Function').map(
    ([, { Environment }]) => (Environment as { Variables: Record<string, string> }).Variables.POWERTOOLS_SERVICE_NAME,
  );
  expect(new Set(names).size).toBe(1);
  return String(names[0]);
}

/** The rules that match, by logical id: each value of a pattern is a list of exact values, here as in EventBridge. */
function matchingRules(template: Template, { Source, DetailType, Detail }: ObservedBusEvent): string[] {
  const event = { source: Source, 'detail-type': DetailType, detail: JSON.parse(String(Detail)) };
  return resourcesOf(template, 'AWS::Events::Rule')
    .filter(([, { EventPattern }]) => matches(EventPattern, event))
    .map(([id]) => id);
}

function matches(pattern: unknown, value: unknown): boolean {
  if (Array.isArray(pattern)) return pattern.includes(value);
  return Object.entries(pattern as Record<string, unknown>).every(([name, part]) =>
    matches(part, (value as Record<string, unknown> | undefined)?.[name]),
  );
}

describe('the rule behind the alarm on forecasts', () => {
  test('hears its own stage and no other of the same account', async () => {
    const [prod, local] = [await packagedTemplate('prod'), await packagedTemplate('local')];
    const [fromProd, fromLocal] = [await eventOf(prod, forecast), await eventOf(local, forecast)];

    expect(matchingRules(prod, fromProd)).toEqual(['ForecastPastDeadlineRule']);
    expect(matchingRules(local, fromLocal)).toEqual(['ForecastPastDeadlineRule']);
    expect(matchingRules(prod, fromLocal)).toEqual([]);
    expect(matchingRules(local, fromProd)).toEqual([]);
  });

  test('hears nothing else', async () => {
    const prod = await packagedTemplate('prod');
    const parked: Notification = {
      type: 'Packages Parked',
      detail: { periodId: '2026-11-H1', runId: 'run-1', parked: 1 },
    };
    expect(matchingRules(prod, await eventOf(prod, parked))).toEqual([]);
  });
});

test('an event says which service and stage it is from, beside what happened', async () => {
  const { Source, Detail } = await eventOf(await packagedTemplate('prod'), forecast);
  expect(Source).toBe('halfmonth');
  expect(JSON.parse(String(Detail))).toEqual({ service: 'halfmonth-prod', ...forecast.detail });
});
