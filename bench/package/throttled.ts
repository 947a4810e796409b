/**
 * Shows what the order of chunks is worth: ten workers package a period on an engine that throttles each partition key,
 * in the order of the plan, which deals chunks over the buckets, and in the order of keys.
 */
import { type DynamoDBClient, ProvisionedThroughputExceededException } from '@aws-sdk/client-dynamodb';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { periodOf } from '../../lib/periods/periods.ts';
import { packageChunk } from '../../lib/runs/package-chunk.ts';
import { plan } from '../../lib/runs/plan.ts';
import type { RunContext } from '../../lib/runs/run.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { readControlTotal } from '../../lib/store/control-total-store.ts';
import { RecordWeights } from '../../lib/store/daily-record-marks.ts';
import { DailyRecordWriter } from '../../lib/store/daily-records.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { startDynamoDbEngine } from '../../local/engines/dynamodb-engine.ts';
import { benchClient, createBenchTables } from './bench-tables.ts';
import { populate } from './populate.ts';

const WORKERS = 10;
const CLIENT_DAYS = Number(process.argv[2] ?? 30_000);
const PERIOD = periodOf('2026-11-H1');
/** A partition bears one worker at this machine's pace and half as much again, but not two. */
const ROOM = 1.5;

/** Read units a second that each partition key of each table bears; what is beyond is refused, as DynamoDB does. */
class Throttle {
  limit = Number.POSITIVE_INFINITY;
  units = 0;
  refused = 0;
  readonly #used = new Map<string, { room: number; at: number }>();

  watch(client: DynamoDBClient): void {
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName !== 'QueryCommand') return next(args);
          // A query's input names its table and, as all of ours, its partition key.
          const input = args.input as { TableName: string; ExpressionAttributeValues: { ':pk': { S: string } } };
          const account = this.#accountOf(`${input.TableName} ${input.ExpressionAttributeValues[':pk'].S}`);
          if (account.room <= 0) {
            this.refused += 1;
            throw new ProvisionedThroughputExceededException({ message: 'throttled', $metadata: {} });
          }
          const answer = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
          const consumed = (answer.output as { ConsumedCapacity?: { CapacityUnits?: number } }).ConsumedCapacity;
          account.room -= consumed?.CapacityUnits ?? 0;
          this.units += consumed?.CapacityUnits ?? 0;
          return answer;
        },
      { step: 'initialize', name: 'throttle' },
    );
  }

  start(limit: number): void {
    Object.assign(this, { limit, units: 0, refused: 0 });
    this.#used.clear();
  }

  /** A second's room at most is saved up. */
  #accountOf(name: string): { room: number; at: number } {
    const now = performance.now();
    const account = this.#used.get(name) ?? { room: this.limit, at: now };
    account.room = Math.min(this.limit, account.room + ((now - account.at) / 1_000) * this.limit);
    account.at = now;
    this.#used.set(name, account);
    return account;
  }
}

const engine = await startDynamoDbEngine();
try {
  const tables = await createBenchTables(engine.endpoint);
  const client = benchClient(engine.endpoint);
  await populate(client, tables, PERIOD, CLIENT_DAYS, true);
  const throttle = new Throttle();
  throttle.watch(client);
  const named = { client, ...tables };
  const runs = new RunStore(named);
  const run: RunContext = {
    schemaVersion: 1,
    runId: 'throttled',
    executionArn: 'arn:aws:states:eu-central-1:000000000000:execution:bench:throttled',
    startedAt: '2026-11-17T02:00:00.000Z',
    period: PERIOD,
    mode: 'preview',
  };
  const now = () => Date.parse(run.startedAt);
  const { chunks } = await plan(
    { run },
    {
      runs,
      weights: new RecordWeights(named, 5),
      controlTotal: (periodId) => readControlTotal(named, periodId),
      recordsPerSecond: (CLIENT_DAYS * 100) / 160,
      targetSeconds: 1,
      now,
    },
  );
  const bucketOf = async (chunk: number) => (await runs.loadChunk(run.runId, chunk))?.ranges[0]?.bucket ?? 0;
  const buckets = new Map(await Promise.all(chunks.map(async (chunk) => [chunk, await bucketOf(chunk)] as const)));
  const byKey = chunks.toSorted((one, other) => (buckets.get(one) ?? 0) - (buckets.get(other) ?? 0));

  const work = async (order: readonly number[], limit: number) => {
    throttle.start(limit);
    const started = performance.now();
    const waiting = order.values();
    const worker = async () => {
      for (const chunk of waiting) await untilDone(chunk);
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    const seconds = (performance.now() - started) / 1_000;
    return {
      seconds: Number(seconds.toFixed(1)),
      unitsPerSecond: Math.round(throttle.units / seconds),
      refused: throttle.refused,
    };
  };
  const untilDone = async (chunk: number): Promise<void> => {
    for (;;) {
      try {
        await packageChunk({ run, purpose: 'preview', chunk }, resources);
        return;
      } catch (error) {
        if (!(error instanceof ProvisionedThroughputExceededException)) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 2_000));
      }
    }
  };
  const resources = {
    calendar: new BillingCalendar('UTC', 5),
    eventMaxAgeDays: 45,
    tables: named,
    runs,
    packages: new PackageStore(named),
    certificates: new CertificateStore(named),
    dailyRecords: new DailyRecordWriter(named),
    lateLedger: new LateLedger(named),
    writeConcurrency: 32,
    remainingMilliseconds: () => 900_000,
    now,
  };
  const free = await work(chunks, Number.POSITIVE_INFINITY);
  const limit = (free.unitsPerSecond / WORKERS) * ROOM;
  const dealt = await work(chunks, limit);
  const inOrder = await work(byKey, limit);
  console.log({ chunks: chunks.length, limitPerPartition: Math.round(limit), free, dealt, inOrder });
  client.destroy();
} finally {
  await engine.stop();
}
