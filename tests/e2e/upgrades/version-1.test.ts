import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { balance } from '../../../lib/certificate/balance.ts';
import { CertificateStore } from '../../../lib/store/certificate-store.ts';
import { type PrimaryKey, packageHeadKey, quotaCalendarKey, runKey } from '../../../lib/store/keys.ts';
import { RunStore } from '../../../lib/store/run-store.ts';
import { type LocalCloud, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import type { Template } from '../../../local/cloud/template/template.ts';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../../../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../../../local/packaging/package-service.ts';
import { TOKEN_PARAMETER } from '../../../local/start/invoice-api-environment.ts';
import { allStates, executionsOf, reachableFrom } from '../../fixtures/state-machine.ts';
import { until } from '../../fixtures/until.ts';
import { putItems, versionFixture } from '../../fixtures/version-fixtures.ts';

const PERIOD = '2025-11-H1';
const old = versionFixture('version-1');
const functionOfTask = new Map(allStates(old.stateMachine).map(([task, { Resource }]) => [task, Resource ?? '']));

/** The service of today on data of version 1. */
interface UpgradedService {
  cloud: LocalCloud;
  api: InvoiceApiSimulator;
  dynamodb: DynamoDBClient;
  documents: DynamoDBDocumentClient;
  sfn: SFNClient;
  stop(): Promise<void>;
}

describe('a run that was in flight when this version was deployed', () => {
  let service: UpgradedService;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'halfmonth-upgrade-'));
    const before = await startService(folder);
    await putOldTables(before);
    await before.stop();
    keepExecution(folder);
    service = await startService(folder);
  });
  afterAll(async () => {
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('goes on with its own state machine and the new functions, and closes its period with a balanced account', async () => {
    const { executionArn } = old.execution;

    const ended = await until('the end of the run', async () => {
      const execution = await service.sfn.send(new DescribeExecutionCommand({ executionArn }));
      return execution.status === 'RUNNING' ? undefined : execution;
    });

    expect({ status: ended.status, cause: ended.cause }).toEqual({ status: 'SUCCEEDED' });
    const tables = { client: service.dynamodb, runs: output(service, 'RunsTableName') };
    const runs = new RunStore(tables);
    expect(await runs.loadLock(PERIOD)).toBeUndefined();
    expect(await runs.loadPeriodState(PERIOD)).toMatchObject({ lastClosedByRun: old.execution.name });
    const [certificate] = await new CertificateStore(tables).list(PERIOD);
    const billed = { api_calls: '42', egress_gb: '123456789012345678.123456789012', storage_gb_hours: '0.000001' };
    expect(certificate?.billed.lastProcessed).toEqual(billed);
    expect(certificate && balance(certificate)).toBeUndefined();
    const { totals, packages, acceptedTwice } = service.api.report();
    expect({ totals: totals[PERIOD], processed: packages.processed, acceptedTwice }).toEqual({
      totals: billed,
      processed: 2,
      acceptedTwice: 0,
    });
  });
});

describe('the functions, called by the state machine of version 1', () => {
  let service: UpgradedService;
  beforeAll(async () => {
    service = await startService();
    await putOldTables(service);
  });
  afterAll(() => service?.stop());

  const invoke = async (task: string, input: unknown) => {
    const outcome = await service.cloud.functionOf(functionOfTask.get(task) ?? '')?.invoke(JSON.stringify(input));
    return outcome?.error ?? (JSON.parse(outcome?.payload ?? 'null') as Record<string, unknown>);
  };
  const asNewer = (input: Record<string, unknown>) => ({
    ...input,
    run: { ...(input.run as object), schemaVersion: 2 },
  });
  const recorded = old.tasks.map((record) => ({
    ...record,
    label: `${record.task} ${record.input.purpose ?? ''}`.trim(),
  }));

  test('were recorded for each of its Tasks', () => {
    const tasks = allStates(old.stateMachine).filter(([, { Type }]) => Type === 'Task');
    expect(new Set(old.tasks.map(({ task }) => task))).toEqual(new Set(tasks.map(([task]) => task)));
  });

  test.each(recorded.filter(({ input }) => 'run' in input))(
    '$label refuses a run of a newer version',
    async (record) => {
      expect(await invoke(record.task, asNewer(record.input))).toMatchObject({
        errorType: 'UnknownVersion',
        errorMessage: expect.stringMatching(/schemaVersion 2.*Deploy the newer one again, then redrive/s),
      });
    },
  );

  const task = (name: string) => old.tasks.find((record) => record.task === name)?.input;
  const newerItems: { item: string; table: string; key: PrimaryKey; reader: string }[] = [
    { item: 'package head', table: 'PackagesTableName', key: packageHeadKey(PERIOD, 'acme', 1), reader: 'SendChunk' },
    {
      item: 'package head',
      table: 'PackagesTableName',
      key: packageHeadKey(PERIOD, 'acme', 1),
      reader: 'PackageChunk',
    },
    { item: 'chunk', table: 'RunsTableName', key: runKey(old.execution.name, 'chunk', 1), reader: 'PackageChunk' },
    { item: 'quota calendar', table: 'RunsTableName', key: quotaCalendarKey('invoice-api'), reader: 'BookQuota' },
  ];
  test.each(newerItems)('$reader refuses a $item that a newer version wrote, and leaves it', async (newer) => {
    const { table, key, reader } = newer;
    await setVersion(service, output(service, table), key, 2);

    const answer = await invoke(reader, task(reader));

    await setVersion(service, output(service, table), key, undefined);
    expect(answer).toMatchObject({
      errorType: 'UnknownVersion',
      errorMessage: expect.stringContaining('schemaVersion 2'),
    });
  });

  test.each(recorded)('$label takes its input and answers with what its state machine reads', async (record) => {
    let answer = await invoke(record.task, record.input);
    expect(answer).not.toHaveProperty('errorType');
    expect(typesOf(answer)).toMatchObject(typesOf(record.answer) as object);
    // The state machine calls it again with its own answer until it is done.
    await until('the end of what it has to do', async () => {
      if (!isCalledAgain(record.task) || !('done' in answer) || answer.done === true) return answer;
      answer = await invoke(record.task, answer);
      return undefined;
    });
    expect(answer).not.toHaveProperty('errorType');
  });
});

async function startService(dataFolder?: string): Promise<UpgradedService> {
  const api = await startInvoiceApiSimulator({ profile: 'demo', seed: 1, timeScale: 5, quota: {}, faults: NO_DOUBT });
  const cloud = await startLocalCloud({
    packageFolder: await packageService({ stage: 'local' }),
    ...(dataFolder ? { dataFolder } : {}),
    transformTemplate: withOldStateMachine,
    parameters: { [TOKEN_PARAMETER]: 'token-of-the-simulator' },
    environmentOverrides: {
      INVOICE_API_URL: api.url,
      INVOICE_API_TOKEN_PARAMETER: TOKEN_PARAMETER,
      // The recorded slices are as old as they are, and shall count for as long as this test lives.
      EVENT_MAX_AGE_DAYS: '36500',
    },
  });
  const access = { region: cloud.region, credentials: cloud.credentials };
  const dynamodb = new DynamoDBClient({ ...access, endpoint: cloud.endpoints.dynamodb });
  const sfn = new SFNClient({ ...access, endpoint: cloud.endpoints.stepFunctions });
  return {
    cloud,
    api,
    dynamodb,
    documents: DynamoDBDocumentClient.from(dynamodb),
    sfn,
    async stop() {
      for (const client of [dynamodb, sfn]) client.destroy();
      await cloud.stop();
      await api.stop();
    },
  };
}

const NO_DOUBT = { unprocessed: 0, unavailable: 0, timeoutAfterCommit: 0 };

/** An execution keeps the definition with which it was started. */
function withOldStateMachine(template: Template): Template {
  const resources = Object.entries(template.Resources).map(([id, resource]) =>
    resource.Type === 'AWS::StepFunctions::StateMachine'
      ? [
          id,
          { ...resource, Properties: { ...resource.Properties, DefinitionString: JSON.stringify(old.stateMachine) } },
        ]
      : [id, resource],
  );
  return { ...template, Resources: Object.fromEntries(resources) };
}

async function putOldTables(service: UpgradedService): Promise<void> {
  const { usageSlices, dailyRecords, packages, runs } = old.tables;
  await putItems(service.documents, output(service, 'UsageSlicesTableName'), usageSlices);
  await putItems(service.documents, output(service, 'DailyRecordsTableName'), dailyRecords);
  await putItems(service.documents, output(service, 'PackagesTableName'), packages);
  await putItems(service.documents, output(service, 'RunsTableName'), runs);
}

/** The local cloud goes on with an execution that it finds in its folder. */
function keepExecution(folder: string): void {
  const machine = old.execution.stateMachineArn.split(':').at(-1) ?? '';
  const executions = join(folder, 'executions', machine);
  mkdirSync(executions, { recursive: true });
  writeFileSync(join(executions, `${old.execution.name}.json`), JSON.stringify(old.execution));
}

async function setVersion(
  { documents }: UpgradedService,
  table: string,
  key: PrimaryKey,
  version: number | undefined,
): Promise<void> {
  await documents.send(
    new UpdateCommand({
      TableName: table,
      Key: key,
      ...(version === undefined
        ? { UpdateExpression: 'REMOVE schemaVersion' }
        : { UpdateExpression: 'SET schemaVersion = :version', ExpressionAttributeValues: { ':version': version } }),
    }),
  );
}

function output({ cloud }: UpgradedService, name: string): string {
  const value = cloud.outputs[name];
  if (value === undefined) throw new Error(`the stack has no output ${name}`);
  return value;
}

function isCalledAgain(task: string): boolean {
  return executionsOf(old.stateMachine).some(({ graph }) => reachableFrom(graph, task).has(task));
}

/** The members of a value with their types in place of what they are; a list is told by its first element. */
function typesOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(typesOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, typesOf(member)]));
}
