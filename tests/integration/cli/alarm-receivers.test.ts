import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { SNSClient } from '@aws-sdk/client-sns';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Cloud } from '../../../cli/connection/cloud.ts';
import { alarms, ringRehearsal } from '../../../cli/periods/alarm-checks.ts';
import { readSettings } from '../../../config/settings.ts';
import { alarmOf, alarmsApi } from '../../../local/cloud/aws-api/alarms-api.ts';
import { type AwsApiServer, startAwsApiServer } from '../../../local/cloud/aws-api/aws-api-server.ts';
import { type Subscription, topicsApi } from '../../../local/cloud/aws-api/topics-api.ts';
import { newSessionCredentials } from '../../../local/cloud/credentials.ts';
import { alarmsOf } from '../../../resources/alarms.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:000000000000:halfmonth-prod-alarms';
const PAGING = 'arn:aws:sns:eu-central-1:111111111111:paging';

const mail: Subscription = { topicArn: TOPIC, protocol: 'email', endpoint: 'on-call@example.com', isConfirmed: true };

let server: AwsApiServer | undefined;
const clients: { destroy(): void }[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server?.stop();
  server = undefined;
});

/** A stage whose rehearsal tells these topics, and those who listen to the first of them. */
async function stageWith(listeners: readonly Subscription[], topics = [TOPIC], { hasAlarm = true } = {}) {
  const { RehearsalAlarm } = alarmsOf('halfmonth-prod', readSettings('prod'), []);
  const alarm = alarmOf({ ...RehearsalAlarm?.Properties, AlarmActions: topics });
  const credentials = newSessionCredentials();
  server = await startAwsApiServer(
    {
      services: { GraniteServiceVersion20100801: alarmsApi(hasAlarm ? [alarm] : []) },
      rest: [topicsApi([TOPIC], listeners)],
      forwarded: {},
    },
    { secret: credentials.secretAccessKey },
  );
  const configuration = { endpoint: server.endpoint, region: 'eu-central-1', credentials, maxAttempts: 1 };
  const used = <Client extends { destroy(): void }>(client: Client) => {
    clients.push(client);
    return client;
  };
  // What these checks use of a cloud.
  return {
    target: { kind: 'aws', name: 'prod', region: 'eu-central-1' },
    outputs: { AlarmTopicArn: TOPIC },
    metrics: async () => used(new CloudWatchClient(configuration)),
    topics: async () => used(new SNSClient(configuration)),
  } as unknown as Cloud;
}

describe('doctor says of the alarms', () => {
  test('that they reach somebody who has confirmed', async () => {
    const cloud = await stageWith([mail]);

    await expect(alarms(cloud)).resolves.toMatchObject({
      state: 'good',
      words: expect.stringMatching(/^reach 1 listener; /),
    });
  });

  test('who has not confirmed yet, also beside others who have', async () => {
    const pending = { ...mail, endpoint: 'night-shift@example.com', isConfirmed: false };
    const cloud = await stageWith([mail, pending]);

    const { state, words } = await alarms(cloud);

    expect(state).toBe('problem');
    expect(words).toMatch(/^night-shift@example\.com gets none yet: follow the link/);
  });

  test('that nobody gets them', async () => {
    const cloud = await stageWith([]);

    await expect(alarms(cloud)).resolves.toMatchObject({
      state: 'warning',
      words: expect.stringMatching(/nobody gets them/),
    });
  });

  test('that the stack has lost its alarm', async () => {
    const cloud = await stageWith([mail], [TOPIC], { hasAlarm: false });

    await expect(alarms(cloud)).resolves.toMatchObject({
      state: 'problem',
      words: expect.stringMatching(/no alarm halfmonth-prod-Rehearsal/),
    });
  });

  test('what goes wrong with a topic of the stage itself', async () => {
    const cloud = await stageWith([mail], [TOPIC, PAGING]);

    await expect(alarms(cloud)).rejects.toThrow('Topic does not exist');
  });
});

describe('doctor --ring', () => {
  test('sets the alarm off, and says that its topics were told', async () => {
    const cloud = await stageWith([mail]);

    const { state, words } = await ringRehearsal(cloud);

    expect(state).toBe('good');
    expect(words).toMatch(/^halfmonth-prod-Rehearsal rang after .* and told 1 topic: has the mail come\?$/);
  });

  test('says so when it does not ring', async () => {
    const cloud = await stageWith([mail], [TOPIC], { hasAlarm: false });

    await expect(ringRehearsal(cloud, 10)).resolves.toMatchObject({
      state: 'problem',
      words: expect.stringMatching(/has not rung within/),
    });
  });
});
