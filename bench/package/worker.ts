/**
 * One worker in a process of its own, as a Lambda is: reads its task from the first argument, prints what it measured
 * as one line of JSON.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { QueryCommand } from '@aws-sdk/client-dynamodb';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { packageChunk } from '../../lib/runs/package-chunk.ts';
import type { RunContext } from '../../lib/runs/run.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { DailyRecordWriter } from '../../lib/store/daily-records.ts';
import { AFTER_EVERYTHING, BUCKETS, headPrefix, periodPartition } from '../../lib/store/keys.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { SLICE_PROJECTION } from '../../lib/store/slice-items.ts';
import { type BenchTables, benchClient } from './bench-tables.ts';

/** What a worker is to do. */
export interface WorkerTask {
  tables: BenchTables;
  run: RunContext;
  /** Chunks to package; none: read the whole period by bare paginated Query. */
  chunks: number[];
}

/** What it measured. */
export interface WorkerMeasurement {
  seconds: number;
  /** Items read by bare Query; 0 for packaging. */
  items: number;
  peakMemoryMB: number;
  /** Write units that requests on the packages table consumed, its index included. */
  packageWriteUnits: number;
}

const task: WorkerTask = JSON.parse(process.argv[2] ?? '');
const client = benchClient(task.tables.endpoint);
let packageWriteUnits = 0;
meterPackages(client);
const started = performance.now();
const items = task.chunks.length > 0 ? await packageAll() : await readAll();
const measurement: WorkerMeasurement = {
  seconds: (performance.now() - started) / 1_000,
  items,
  peakMemoryMB: process.resourceUsage().maxRSS / 1_024,
  packageWriteUnits,
};
console.log(JSON.stringify(measurement));
client.destroy();

async function packageAll(): Promise<number> {
  const { run, chunks } = task;
  const tables = { client, ...task.tables };
  const resources = {
    calendar: new BillingCalendar('UTC', 5),
    eventMaxAgeDays: 45,
    tables,
    runs: new RunStore(tables),
    packages: new PackageStore(tables),
    certificates: new CertificateStore(tables),
    dailyRecords: new DailyRecordWriter(tables),
    lateLedger: new LateLedger(tables),
    writeConcurrency: 32,
    remainingMilliseconds: () => 900_000,
    now: () => Date.parse(run.startedAt),
  };
  for (const chunk of chunks) await packageChunk({ run, chunk, purpose: 'package' }, resources);
  return 0;
}

/** The limit: the same items of the same three tables, read side by side, and nothing done with them. */
async function readAll(): Promise<number> {
  const { usageSlices, dailyRecords, packages } = task.tables;
  let read = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const counts = await Promise.all([
      readRange(dailyRecords, bucket, ' '),
      readRange(usageSlices, bucket, ' ', SLICE_PROJECTION),
      readRange(packages, bucket, headPrefix()),
    ]);
    read += counts.reduce((sum, count) => sum + count, 0);
  }
  return read;
}

async function readRange(table: string, bucket: number, prefix: string, projection = {}): Promise<number> {
  let count = 0;
  let start: Record<string, never> | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await client.send(
      new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: {
          ':pk': { S: periodPartition(task.run.period.id, bucket) },
          ':from': { S: prefix },
          ':to': { S: `${prefix.trim()}${AFTER_EVERYTHING}` },
        },
        ExclusiveStartKey: start,
        ...projection,
      }),
    );
    count += Items.length;
    // A key goes back as it came.
    start = LastEvaluatedKey as Record<string, never> | undefined;
  } while (start);
  return count;
}

function meterPackages(metered: DynamoDBClient): void {
  metered.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const isWrite = /^(Put|Update|Delete|BatchWrite|TransactWrite)/.test(commandName);
        if (!isWrite) return next(args);
        const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
        // Every write command answers with one of these shapes.
        const { ConsumedCapacity } = result.output as {
          ConsumedCapacity?:
            | { TableName?: string; CapacityUnits?: number }
            | { TableName?: string; CapacityUnits?: number }[];
        };
        for (const { TableName, CapacityUnits = 0 } of [ConsumedCapacity ?? []].flat()) {
          if (TableName === task.tables.packages) packageWriteUnits += CapacityUnits;
        }
        return result;
      },
    { step: 'initialize', name: 'meterPackages' },
  );
}
