import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import pLimit from 'p-limit';
import { PACKAGE_STATES, type PackageState, packageIdOf } from '../../lib/packages/package.ts';
import { packageHeadItem } from '../../lib/store/package-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { startLocalCloud } from '../../local/cloud/local-cloud.ts';
import { announceKeptCloud } from '../../local/kept-cloud/kept-cloud.ts';
import { KEPT_CLOUD_NOTICE } from '../../local/kept-cloud/kept-cloud-notice.ts';
import { packageService } from '../../local/packaging/package-service.ts';

/** The period whose packages there are. */
export const PERIOD = '2026-11-H1';

/** A local cloud with the packages of a closing day, for commands to look at. */
export interface ClosingDay {
  /** Commands that are called here find this cloud. */
  folder: string;
  /**
   * What open-period and assess write of a run, whose execution Step Functions has forgotten since.
   * @param behind so many packages have been processed since the run counted
   */
  keepRunRecord(behind: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a local cloud and writes heads as packaging and sending leave them on a closing day. */
export async function startClosingDay(packages: number): Promise<ClosingDay> {
  const folder = mkdtempSync(join(tmpdir(), 'halfmonth-bench-cli-'));
  const cloud = await startLocalCloud({ packageFolder: await packageService({ stage: 'local' }) });
  const { region, outputs, credentials, endpoints } = cloud;
  const client = new DynamoDBClient({ region, endpoint: endpoints.dynamodb, credentials });
  announceKeptCloud(cloud, { url: String(outputs.InvoiceApiUrl) }, {}, join(folder, KEPT_CLOUD_NOTICE));
  await writeHeads(client, String(outputs.PackagesTableName), packages);
  const runs = new RunStore({ client, runs: String(outputs.RunsTableName) });
  return {
    folder,
    keepRunRecord: (behind) =>
      runs.updateRunRecord(PERIOD, {
        runId: 'run-1',
        startedAt: '2026-11-17T02:00:00.000Z',
        executionArn: `${outputs.BillingPeriodStateMachineArn?.replace(':stateMachine:', ':execution:')}:run-1`,
        mode: 'close',
        counts: { at: '2026-11-17T02:30:00.000Z', states: countsOf(packages, behind) },
      }),
    async stop() {
      client.destroy();
      await cloud.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function writeHeads(client: DynamoDBClient, table: string, packages: number): Promise<void> {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const writeAt = pLimit(8);
  const writeBatch = (first: number) => {
    const items = Array.from({ length: Math.min(25, packages - first) }, (_, index) => headItem(first + index));
    const requests = items.map((Item) => ({ PutRequest: { Item } }));
    return documents.send(new BatchWriteCommand({ RequestItems: { [table]: requests } }));
  };
  const batches = Array.from({ length: Math.ceil(packages / 25) }, (_, index) => index * 25);
  await Promise.all(batches.map((first) => writeAt(() => writeBatch(first))));
}

function countsOf(packages: number, behind: number): Record<string, number> {
  const states: Record<string, number> = Object.fromEntries(PACKAGE_STATES.map((state) => [state, 0]));
  for (let number = 0; number < packages; number++) {
    const state = stateOf(number);
    states[state] = (states[state] ?? 0) + 1;
  }
  states.processed = (states.processed ?? 0) - behind;
  states.submitted = (states.submitted ?? 0) + behind;
  return states;
}

/** Most are processed; a tenth is spread over the other states. */
function stateOf(number: number): PackageState {
  return number % 10 === 0 ? (PACKAGE_STATES[(number / 10) % PACKAGE_STATES.length] ?? 'ready') : 'processed';
}

function headItem(number: number): Record<string, unknown> {
  const clientId = `client-${String(number).padStart(7, '0')}`;
  const state = stateOf(number);
  const at = '2026-11-17T02:00:00.000Z';
  const attempt = { at, revision: 1, submission: 1, httpStatus: 202, latencyMilliseconds: 120, requestId: 'request-1' };
  return packageHeadItem({
    packageId: packageIdOf(PERIOD, clientId, 1),
    periodId: PERIOD,
    clientId,
    part: 1,
    parts: 1,
    state,
    revision: 1,
    submission: 1,
    contentHash: 'a'.repeat(64),
    lastProcessedRevision: state === 'processed' ? 1 : 0,
    everSent: state !== 'ready',
    attemptCount: 1,
    attempts: [
      { ...attempt, action: 'send', outcome: 'submitted' },
      { ...attempt, action: 'check', outcome: state },
    ],
    submittedAt: Date.parse(at),
    runId: 'run-1',
    version: 4,
  });
}
