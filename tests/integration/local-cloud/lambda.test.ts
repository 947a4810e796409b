import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { type LocalCloudOptions, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import type { ObservedAwsCall, ObservedBusEvent } from '../../../local/cloud/observer.ts';
import { type ServiceDeclaration, writeServicePackage } from '../../fixtures/service-package.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(service: ServiceDeclaration, options: Partial<LocalCloudOptions> = {}) {
  const { folder, remove } = writeServicePackage(service);
  cleanups.push(remove);
  const cloud = await startLocalCloud({ packageFolder: folder, ...options });
  cleanups.push(cloud.stop);
  const invoke = async (name: string, event: unknown) => {
    const outcome = await cloud.functionOf(name)?.invoke(JSON.stringify(event));
    return outcome?.error ? outcome : JSON.parse(outcome?.payload ?? '');
  };
  return { cloud, invoke };
}

test('an environment is used again when it is warm, and never twice at once', async () => {
  const { invoke } = await start({
    functions: {
      counter: `import { setTimeout } from 'node:timers/promises';
        let calls = 0;
        export const handler = async () => { calls += 1; await setTimeout(100); return calls; };`,
    },
  });

  const atOnce = await Promise.all([invoke('counter', {}), invoke('counter', {})]);
  const later = await invoke('counter', {});

  expect(atOnce).toEqual([1, 1]);
  expect(later).toBe(2);
});

test('a function sees the variables and the context that Lambda gives it, and nothing of the machine', async () => {
  process.env.SECRET_OF_THE_MACHINE = 'secret';
  const { invoke } = await start(
    {
      functions: {
        look: {
          source: `export const handler = async (event, context) =>
            ({ env: process.env, context, remaining: context.getRemainingTimeInMillis() });`,
          properties: { Environment: { Variables: { A: 'template', B: 'template' } }, Timeout: 7, MemorySize: 256 },
        },
      },
    },
    { environmentOverrides: { B: 'override' } },
  );

  const { env, context, remaining } = await invoke('look', {});

  delete process.env.SECRET_OF_THE_MACHINE;
  expect(env).toMatchObject({
    A: 'template',
    B: 'override',
    AWS_REGION: 'eu-central-1',
    AWS_LAMBDA_FUNCTION_NAME: 'look',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_ACCESS_KEY_ID: 'look',
    AWS_ENDPOINT_URL_DYNAMODB: expect.stringMatching(/^http:\/\/127\.\d+\.\d+\.\d+:\d+$/),
  });
  expect(env).not.toHaveProperty('SECRET_OF_THE_MACHINE');
  expect(context).toMatchObject({
    functionName: 'look',
    invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:look',
    memoryLimitInMB: '256',
  });
  expect(context.awsRequestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(remaining).toBeGreaterThan(0);
  expect(remaining).toBeLessThanOrEqual(7000);
});

test('a time-out kills even a busy loop, and the next invocation starts afresh', async () => {
  const { invoke } = await start({
    functions: {
      loop: {
        source: `let calls = 0;
          export const handler = async ({ forever }) => { calls += 1; if (forever) for (;;) {} return calls; };`,
        properties: { Timeout: 1 },
      },
    },
  });

  const killed = await invoke('loop', { forever: true });
  const next = await invoke('loop', {});

  expect(killed.error).toMatchObject({
    errorType: 'Sandbox.Timedout',
    errorMessage: expect.stringMatching(/^RequestId: [0-9a-f-]+ Error: Task timed out after 1\.00 seconds$/),
  });
  expect(next).toBe(1);
});

test('a function that uses more memory than it has ends alone', async () => {
  const { invoke } = await start({
    functions: {
      greedy: `export const handler = async () => { const kept = new Map(); for (let i = 0; ; i += 1) kept.set(String(i), { i }); };`,
      modest: 'export const handler = async () => "alive";',
    },
  });

  const outcome = await invoke('greedy', {});

  expect(outcome.error).toMatchObject({
    errorType: 'Runtime.ExitError',
    errorMessage: expect.stringMatching(/killed/),
  });
  expect(await invoke('modest', {})).toBe('alive');
});

test('a function that exits, cannot be loaded, or answers too much, fails with the error that Lambda gives', async () => {
  const { invoke } = await start({
    functions: {
      exits: 'export const handler = async () => process.exit(3);',
      broken: `throw Object.assign(new Error('SEND_QUOTA is missing'), { name: 'InvalidConfiguration' });`,
      nameless: 'export const other = async () => 1;',
      large: `export const handler = async () => 'x'.repeat(7_000_000);`,
    },
  });

  expect((await invoke('exits', {})).error).toMatchObject({
    errorType: 'Runtime.ExitError',
    errorMessage: 'Runtime exited with error: exit status 3',
  });
  expect((await invoke('broken', {})).error).toMatchObject({
    errorType: 'InvalidConfiguration',
    errorMessage: 'SEND_QUOTA is missing',
  });
  expect((await invoke('nameless', {})).error).toMatchObject({ errorType: 'Runtime.HandlerNotFound' });
  expect((await invoke('large', {})).error).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' });
  expect((await invoke('large', 'x'.repeat(7_000_000))).error).toMatchObject({
    errorType: 'RequestEntityTooLargeException',
  });
});

test('the Invoke API answers as Lambda does', async () => {
  const { cloud } = await start({
    functions: { echo: `export const handler = async (e) => { if (e.fail) throw new RangeError('far'); return e; };` },
  });
  const { region, credentials, endpoints } = cloud;
  const client = new LambdaClient({ region, credentials, endpoint: endpoints.lambda });
  cleanups.push(() => client.destroy());
  const invoke = async (FunctionName: string, event: object) => {
    const { FunctionError, Payload } = await client.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
    );
    return { error: FunctionError, payload: JSON.parse(Buffer.from(Payload ?? []).toString()) };
  };

  const answer = await invoke('echo', { a: 1 });
  const failed = await invoke('echo', { fail: true });

  expect(answer).toEqual({ error: undefined, payload: { a: 1 } });
  expect(failed).toMatchObject({ error: 'Unhandled', payload: { errorType: 'RangeError', errorMessage: 'far' } });
  await expect(invoke('nobody', {})).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('SDK clients in a bundle reach the engines with no special code, and each call can be seen with its caller', async () => {
  const calls: ObservedAwsCall[] = [];
  const busEvents: ObservedBusEvent[] = [];
  const source = `
    import { DynamoDBClient, PutItemCommand, GetItemCommand } from '@aws-sdk/client-dynamodb';
    import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
    import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
    import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
    const TableName = process.env.TABLE;
    export const handler = async () => {
      const tables = new DynamoDBClient({});
      await tables.send(new PutItemCommand({ TableName, Item: { pk: { S: 'a' }, sk: { S: 'b' }, n: { N: '1' } } }));
      const { Item } = await tables.send(new GetItemCommand({ TableName, Key: { pk: { S: 'a' }, sk: { S: 'b' } } }));
      await new SQSClient({}).send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: 'sent' }));
      await new EventBridgeClient({}).send(new PutEventsCommand({ Entries: [{ Source: 's', DetailType: 't', Detail: '{}' }] }));
      const { Parameter } = await new SSMClient({}).send(new GetParameterCommand({ Name: '/token', WithDecryption: true }));
      return { n: Item.n.N, token: Parameter.Value };
    };`;
  const bundled = buildSync({
    stdin: { contents: source, resolveDir: fileURLToPath(new URL('../../../', import.meta.url)) },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
  });
  const { invoke, cloud } = await start(
    {
      functions: {
        caller: {
          source: bundled.outputFiles[0]?.text ?? '',
          properties: {
            Environment: { Variables: { TABLE: { Ref: 'Table' }, QUEUE_URL: { Ref: 'Queue' } } },
            MemorySize: 512,
          },
        },
      },
      resources: {
        Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'queue' } },
        Table: {
          Type: 'AWS::DynamoDB::Table',
          Properties: {
            TableName: 'table',
            BillingMode: 'PAY_PER_REQUEST',
            AttributeDefinitions: [
              { AttributeName: 'pk', AttributeType: 'S' },
              { AttributeName: 'sk', AttributeType: 'S' },
            ],
            KeySchema: [
              { AttributeName: 'pk', KeyType: 'HASH' },
              { AttributeName: 'sk', KeyType: 'RANGE' },
            ],
            TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
          },
        },
      },
      outputs: { QueueUrl: { Value: { Ref: 'Queue' } } },
    },
    {
      parameters: { '/token': 'secret' },
      observer: { onAwsCall: (call) => calls.push(call), onBusEvent: (event) => busEvents.push(event) },
    },
  );

  const answer = await invoke('caller', {});

  expect(answer).toEqual({ n: '1', token: 'secret' });
  expect(busEvents).toEqual([{ Source: 's', DetailType: 't', Detail: '{}' }]);
  expect(calls.map(({ caller, service, operation }) => [caller, service, operation])).toEqual([
    ['caller', 'DynamoDB_20120810', 'PutItem'],
    ['caller', 'DynamoDB_20120810', 'GetItem'],
    ['caller', 'AmazonSQS', 'SendMessage'],
    ['caller', 'AWSEvents', 'PutEvents'],
    ['caller', 'AmazonSSM', 'GetParameter'],
  ]);
  expect(calls[0]?.input).toMatchObject({ TableName: 'table' });
  expect(calls[2]?.input).toMatchObject({ QueueUrl: cloud.outputs.QueueUrl });
});

test('stopping is quick in the middle of an invocation, and says so to its caller', async () => {
  const { cloud } = await start({
    functions: { loop: `export const handler = async () => { for (;;) {} };` },
  });
  const invocation = cloud.functionOf('loop')?.invoke('{}');

  await cloud.stop();

  expect(await invocation).toMatchObject({ error: { errorType: 'Runtime.ExitError' } });
  await expect(fetch(cloud.endpoints.lambda)).rejects.toThrow();
  await expect(fetch(cloud.engineEndpoint)).rejects.toThrow();
});

test('a port that is taken, and a package that is none, are one clear line', async () => {
  const { folder, remove } = writeServicePackage({ functions: {} });
  cleanups.push(remove);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => other.close());
  const address = other.address();
  const port = typeof address === 'object' && address ? address.port : 0;

  await expect(startLocalCloud({ packageFolder: folder, port })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringMatching(new RegExp(`^Port ${port} on 127\\.0\\.0\\.1, .* is taken`)),
  });
  await expect(startLocalCloud({ packageFolder: join(folder, 'none') })).rejects.toMatchObject({
    code: 'PACKAGE_UNREADABLE',
    message: expect.stringMatching(/npm run package/),
  });
  writeFileSync(join(folder, 'cloudformation-template-update-stack.json'), '[]');
  await expect(startLocalCloud({ packageFolder: folder })).rejects.toMatchObject({ code: 'PACKAGE_UNREADABLE' });
});
