import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type LocalCloud, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import { writeServicePackage } from '../../fixtures/service-package.ts';

let cloud: LocalCloud;
let dataFolder: string;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  const service = writeServicePackage({
    functions: { echo: 'export const handler = async (event) => { console.log("seen"); return event; };' },
    resources: { Events: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'events' } } },
    outputs: { EventsUrl: { Value: { Ref: 'Events' } } },
  });
  cleanups.push(service.remove);
  dataFolder = mkdtempSync(join(tmpdir(), 'halfmonth-access-'));
  cleanups.push(() => rmSync(dataFolder, { recursive: true, force: true }));
  cloud = await startLocalCloud({
    packageFolder: service.folder,
    parameters: { '/name with spaces': 'secret' },
    dataFolder,
  });
  cleanups.push(cloud.stop);
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** One call to each kind of service behind the one address. */
function callsWith(credentials: { accessKeyId: string; secretAccessKey: string }): [string, () => Promise<unknown>][] {
  const configuration = { region: cloud.region, endpoint: cloud.endpoints.all, credentials, maxAttempts: 1 };
  return [
    ['DynamoDB', () => new DynamoDBClient(configuration).send(new ListTablesCommand({}))],
    ['SQS', () => new SQSClient(configuration).send(new ListQueuesCommand({}))],
    ['Lambda', () => new LambdaClient(configuration).send(new InvokeCommand({ FunctionName: 'echo', Payload: '{}' }))],
    ['SSM', () => new SSMClient(configuration).send(new GetParameterCommand({ Name: '/name with spaces' }))],
  ];
}

describe('a caller that was given the credentials of this run', () => {
  test('reaches every service at one address, by names that need escapes too', async () => {
    for (const [, call] of callsWith(cloud.credentials)) await call();
    const arn = 'arn:aws:lambda:eu-central-1:000000000000:function:echo';
    const client = new LambdaClient({ ...cloud, endpoint: cloud.endpoints.all });

    expect((await client.send(new InvokeCommand({ FunctionName: arn, Payload: '{"a":1}' }))).StatusCode).toBe(200);
    expect(cloud.outputs.EventsUrl).toMatch(new RegExp(`^${cloud.endpoints.all}/`));
  });
});

describe('a caller that was not', () => {
  test.each(['DynamoDB', 'SQS', 'Lambda', 'SSM'])('reaches no service: %s', async (service) => {
    const guessed = Object.fromEntries(callsWith({ accessKeyId: 'local', secretAccessKey: 'local' }));

    await expect(guessed[service]?.()).rejects.toMatchObject({ name: expect.stringMatching(/^InvalidSignature/) });
  });

  test('is told the reason, and reaches nothing with another Host, from a page, or with no signature', async () => {
    const answers = await Promise.all([
      ask({ host: 'rebound.example' }),
      ask({ host: `127.0.0.1:1` }),
      ask({ origin: 'http://127.0.0.1' }),
      ask({ 'sec-fetch-site': 'cross-site' }),
      ask({}),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
    expect(answers.map(({ type }) => type)).toEqual([
      'AccessDeniedException',
      'AccessDeniedException',
      'AccessDeniedException',
      'AccessDeniedException',
      'MissingAuthenticationTokenException',
    ]);
  });

  test('cannot change the body of a request that another one has signed', async () => {
    const client = new SSMClient({ ...cloud, endpoint: cloud.endpoints.all, maxAttempts: 1 });
    client.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { body: Uint8Array }; // what every client over HTTP has at this step
        request.body = Buffer.from('{"Name":"/name with others"}');
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low', name: 'changeBody' },
    );

    await expect(client.send(new GetParameterCommand({ Name: '/name with spaces' }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
    });
  });

  test('may not open the folder of the kept data', () => {
    expect(readdirSync(dataFolder).length).toBeGreaterThan(0);
    expect(statSync(dataFolder).mode & 0o077).toBe(0);
    expect(statSync(join(dataFolder, 'tables.db')).mode & 0o077).toBe(0);
  });
});

function ask(headers: Record<string, string>): Promise<{ status: number | undefined; type: unknown }> {
  return new Promise((resolve, reject) => {
    const path = '/2015-03-31/functions/echo/invocations';
    const asked = request(cloud.endpoints.all + path, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, type: response.headers['x-amzn-errortype'] });
    });
    asked.once('error', reject);
    asked.end('{}');
  });
}
