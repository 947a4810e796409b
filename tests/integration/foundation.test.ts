import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FOUNDATION_KEY } from '../../lib/store/keys.ts';
import { packagedTemplate, resourcesOf } from '../fixtures/packaged-service.ts';
import { resolved } from '../fixtures/resolved-template.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

let tables: TestTables;
beforeAll(async () => {
  tables = await startTestTables();
  await tables.client.send(
    new PutItemCommand({
      TableName: tables.runs,
      Item: {
        pk: { S: FOUNDATION_KEY.pk },
        sk: { S: FOUNDATION_KEY.sk },
        billingTimeZone: { S: 'Asia/Tokyo' },
        sliceMinutes: { N: '5' },
      },
    }),
  );
});
afterAll(() => tables.stop());

/** The functions of a stage with the variables that each is deployed with. */
async function deployedFunctions(): Promise<{ name: string; environment: Record<string, string> }[]> {
  const template = await packagedTemplate('prod');
  return resourcesOf(template, 'AWS::Lambda::Function').map(([, { Handler, Environment }]) => {
    const { Variables = {} } = resolved(template, Environment) as { Variables?: Record<string, unknown> };
    const environment = Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, String(value)]));
    return { name: String(Handler).replace(/^functions\/|\.handler$/g, ''), environment };
  });
}

test('every function refuses settings that usage was not counted by, before it does anything', async () => {
  const functions = await deployedFunctions();
  expect(functions.map(({ name }) => name)).toEqual(expect.arrayContaining(['plan', 'take-turn', 'close-period']));
  const environmentBefore = { ...process.env };
  const refusals: Record<string, string> = {};
  for (const { name, environment } of functions) {
    Object.assign(process.env, environment, {
      AWS_REGION: 'eu-central-1',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: tables.endpoint,
      RUNS_TABLE: tables.runs,
      BILLING_TIME_ZONE: 'Europe/Rome',
    });
    const { handler } = await import(`../../functions/${name}.ts`);
    const context = { getRemainingTimeInMillis: () => 60_000, functionName: name };
    // What a real event holds is not looked at.
    const refused = handler({ Records: [] }, context).then(
      () => 'nothing',
      ({ code }: { code: string }) => code,
    );
    refusals[name] = await refused;
  }
  process.env = environmentBefore;
  expect(refusals).toEqual(Object.fromEntries(functions.map(({ name }) => [name, 'FOUNDATION_CHANGED'])));
});
