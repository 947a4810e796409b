/**
 * `npm run -s bench:cli`: how long the command line takes to start, and `status` on 100,000 packages, beside bare
 * Node.js.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
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

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../cli/halfmonth.mjs', import.meta.url));
const PERIOD = '2026-11-H1';
const ROUNDS = 7;

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, packages: { type: 'string', default: '100000' } },
});
const packages = Number(values.packages);

const folder = mkdtempSync(join(tmpdir(), 'halfmonth-bench-cli-'));
const cloud = await startLocalCloud({ packageFolder: await packageService({ stage: 'local' }) });
const { region, outputs } = cloud;
const client = new DynamoDBClient({
  region,
  endpoint: cloud.endpoints.dynamodb,
  credentials: cloud.credentials,
});
const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
try {
  await prepare();
  const commands = {
    bareNode: ['-e', '0'],
    help: [PROGRAM, '--help'],
    status: [PROGRAM, 'status', PERIOD, '--json'],
    // The run has gone on since it counted: what it counted last is shown, and what remains is read anew.
    statusOfMovingRun: [PROGRAM, 'status', PERIOD, '--json'],
  };
  const seconds: Record<string, number[]> = { bareNode: [], help: [], status: [], statusOfMovingRun: [] };
  // Side by side, so that what else the machine does falls on all alike; the first round fills caches.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, args] of Object.entries(commands)) {
      await keepRunRecord(name === 'statusOfMovingRun' ? Math.ceil(packages / 100) : 0);
      const took = await timed(args);
      if (round > 0) seconds[name]?.push(took);
    }
  }
  const median = (name: string) => (seconds[name] ?? []).sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? 0;
  const result = {
    packages,
    bareNodeSeconds: rounded(median('bareNode')),
    helpSeconds: rounded(median('help')),
    helpOverBareNodeSeconds: rounded(median('help') - median('bareNode')),
    statusSeconds: rounded(median('status')),
    statusOfMovingRunSeconds: rounded(median('statusOfMovingRun')),
  };
  if (values.json) console.log(JSON.stringify(result));
  else for (const [name, value] of Object.entries(result)) console.log(`${name.padEnd(26)}${value}`);
} finally {
  client.destroy();
  await cloud.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Tables as the service declares them, with heads as packaging and sending leave them on a closing day. */
async function prepare(): Promise<void> {
  announceKeptCloud(cloud, { url: String(outputs.InvoiceApiUrl) }, {}, join(folder, KEPT_CLOUD_NOTICE));
  const table = String(outputs.PackagesTableName);
  const writeAt = pLimit(8);
  const writeBatch = (first: number) => {
    const items = Array.from({ length: Math.min(25, packages - first) }, (_, index) => headItem(first + index));
    const requests = items.map((Item) => ({ PutRequest: { Item } }));
    return documents.send(new BatchWriteCommand({ RequestItems: { [table]: requests } }));
  };
  const batches = Array.from({ length: Math.ceil(packages / 25) }, (_, index) => index * 25);
  await Promise.all(batches.map((first) => writeAt(() => writeBatch(first))));
}

/**
 * What open-period and assess write of a run, whose execution Step Functions has forgotten since.
 * @param behind so many packages have been processed since the run counted
 */
async function keepRunRecord(behind: number): Promise<void> {
  const states: Record<string, number> = Object.fromEntries(PACKAGE_STATES.map((state) => [state, 0]));
  for (let number = 0; number < packages; number++) {
    const state = stateOf(number);
    states[state] = (states[state] ?? 0) + 1;
  }
  states.processed = (states.processed ?? 0) - behind;
  states.submitted = (states.submitted ?? 0) + behind;
  await new RunStore({ client, runs: String(outputs.RunsTableName) }).updateRunRecord(PERIOD, {
    runId: 'run-1',
    startedAt: '2026-11-17T02:00:00.000Z',
    executionArn: `${outputs.BillingPeriodStateMachineArn?.replace(':stateMachine:', ':execution:')}:run-1`,
    mode: 'close',
    counts: { at: '2026-11-17T02:30:00.000Z', states },
  });
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

/** Not spawnSync: the local cloud answers from this very process. */
async function timed(args: string[]): Promise<number> {
  const startedAt = performance.now();
  await run(process.execPath, args, { cwd: folder });
  return (performance.now() - startedAt) / 1000;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
