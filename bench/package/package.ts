/**
 * Measures packaging: one worker against bare paginated Query over the same items, memory at two sizes, several workers
 * side by side, and what a second run over unchanged usage writes.
 */
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { periodOf } from '../../lib/periods/periods.ts';
import { ChunkSteps } from '../../lib/runs/chunk-steps.ts';
import { type PlanAnswer, plan } from '../../lib/runs/plan.ts';
import type { RunContext } from '../../lib/runs/run.ts';
import { readControlTotal } from '../../lib/store/control-total-store.ts';
import { RecordWeights } from '../../lib/store/daily-record-marks.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { startDynamoDbEngine } from '../../local/engines/dynamodb-engine.ts';
import { type BenchTables, benchClient, createBenchTables } from './bench-tables.ts';
import { populate } from './populate.ts';
import { processAllPackages } from './process-packages.ts';
import type { WorkerMeasurement, WorkerTask } from './worker.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    'client-days': { type: 'string', default: '100000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`npm run -s bench:package -- [--json] [--large] [--rounds N] [--client-days N]
--large adds 1,000,000 client-days; --rounds is how often each rate is measured (the median counts).`);
  process.exit(0);
}

/** The heap of a Lambda of 512 MB: what a worker must do with. */
const WORKER_HEAP_MEGABYTES = 400;
const CLIENT_DAYS = Number(values['client-days']);
const LARGE = 1_000_000;
const PERIOD = periodOf('2026-11-H1');
/** A period whose daily records are still to be written, small enough not to take all the time. */
const UNFOLDED_PERIOD = periodOf('2026-10-H2');
const UNFOLDED_CLIENT_DAYS = 6_400;
const WORKERS = [1, 2, 4];
const ONE_CHUNK = 1e9;
const log = (line: string): void => console.error(line);

const small = await measure(CLIENT_DAYS, true);
const large = values.large ? await measure(LARGE, false) : undefined;
const result = {
  ...small,
  peakMemoryMB: {
    [CLIENT_DAYS]: small.peakMemoryMB,
    ...(large ? { [LARGE]: large.peakMemoryMB } : {}),
  },
};
if (values.json) console.log(JSON.stringify(result));
else print();

async function measure(clientDays: number, hasRounds: boolean) {
  const engine = await startDynamoDbEngine();
  try {
    const tables = await createBenchTables(engine.endpoint);
    return await measureOn(tables, clientDays, hasRounds);
  } finally {
    await engine.stop();
  }
}

async function measureOn(tables: BenchTables, clientDays: number, hasRounds: boolean) {
  const client = benchClient(tables.endpoint);
  const runs = new RunStore({ client, runs: tables.runs });
  log(`Counting ${clientDays} client-days ...`);
  const clients = await populate(client, tables, PERIOD, clientDays, true);
  log(`Packaging ${clients} clients for the first time ...`);
  const first = await prepare('first', ONE_CHUNK);
  const making = await work([{ tables, run: first.run, chunks: first.chunks }]);
  const whole = hasRounds ? await closeUnfolded() : undefined;
  await processAllPackages(client, tables, PERIOD);
  log('Again, with nothing changed, and by bare Query ...');
  const unchanged: WorkerMeasurement[] = [];
  const bare: WorkerMeasurement[] = [];
  for (let round = 1; round <= (hasRounds ? Number(values.rounds) : 1); round++) {
    const again = await prepare(`again-${round}`, ONE_CHUNK);
    unchanged.push(...(await work([{ tables, run: again.run, chunks: again.chunks }])).workers);
    if (hasRounds) bare.push(...(await work([{ tables, run: again.run, chunks: [] }])).workers);
  }
  const plannerSeconds: number[] = [];
  for (let round = 1; hasRounds && round <= Number(values.rounds); round++)
    plannerSeconds.push(await timePlanner(round));
  const { decisions, days, slices } = (await new ChunkSteps(runs, 'again-1', 'package').sums(1)).sums;
  const records = days + slices + clients;
  const wallSeconds: Record<string, number> = {};
  let chunks = 0;
  for (const count of hasRounds ? WORKERS : []) {
    const split = await prepare(`split-${count}`, Math.ceil((clientDays * 100) / 16));
    chunks = split.chunks.length;
    const tasks = Array.from({ length: count }, (_, worker) =>
      split.chunks.filter((chunk) => chunk % count === worker),
    );
    const done = await work(tasks.map((mine) => ({ tables, run: split.run, chunks: mine })));
    wallSeconds[count] = round(done.seconds, 2);
  }
  client.destroy();
  const recordsPerSecond = records / median(unchanged.map(({ seconds }) => seconds));
  const bareRate = hasRounds ? median(bare.map(({ items, seconds }) => items / seconds)) : 0;
  return {
    recordsPerSecond: Math.round(recordsPerSecond),
    bareQueryRecordsPerSecond: Math.round(bareRate),
    fraction: hasRounds ? round(recordsPerSecond / bareRate, 2) : 0,
    peakMemoryMB: Math.round(Math.max(...unchanged.map(({ peakMemoryMB }) => peakMemoryMB))),
    newPackages: {
      recordsPerSecond: Math.round(records / making.seconds),
      peakMemoryMB: Math.round(making.workers[0]?.peakMemoryMB ?? 0),
    },
    ...(whole ? { newDailyRecordsAndPackages: whole } : {}),
    ...(hasRounds ? { plannerClientDaysPerSecond: Math.round(clientDays / median(plannerSeconds)) } : {}),
    wallSeconds,
    chunks,
    writeUnitsPerPackage: round((making.workers[0]?.packageWriteUnits ?? 0) / clients, 2),
    unchangedRun: {
      packagesWritten: Object.entries(decisions).reduce(
        (sum, [name, count]) => (name === 'keep' ? sum : sum + count),
        0,
      ),
      packageWriteUnits: unchanged.reduce((sum, { packageWriteUnits }) => sum + packageWriteUnits, 0),
    },
  };

  /** A plan as a run makes it, its chunks written. */
  async function timePlanner(round: number): Promise<number> {
    const started = performance.now();
    await prepare(`plan-${round}`, 300_000);
    return (performance.now() - started) / 1_000;
  }

  /** A first close as it comes: daily records and packages are all to be written. */
  async function closeUnfolded(): Promise<{ recordsPerSecond: number }> {
    const unfolded = await populate(client, tables, UNFOLDED_PERIOD, UNFOLDED_CLIENT_DAYS, false);
    const { run, chunks: numbers } = await prepare('unfolded', ONE_CHUNK, UNFOLDED_PERIOD);
    const closing = await work([{ tables, run, chunks: numbers }]);
    const { sums: made } = await new ChunkSteps(runs, run.runId, 'package').sums(numbers.length);
    return { recordsPerSecond: Math.round((made.days + made.slices + unfolded) / closing.seconds) };
  }

  async function prepare(
    runId: string,
    recordsPerChunk: number,
    period = PERIOD,
  ): Promise<PlanAnswer & { run: RunContext }> {
    const run: RunContext = {
      schemaVersion: 1,
      runId,
      executionArn: 'arn:aws:states:local:000000000000:execution:bench:bench',
      startedAt: '2026-11-17T00:00:00.000Z',
      period,
      mode: 'close',
    };
    const planned = await plan(
      { run },
      {
        runs,
        weights: new RecordWeights({ client, dailyRecords: tables.dailyRecords }, 5),
        controlTotal: (periodId) => readControlTotal({ client, runs: tables.runs }, periodId),
        recordsPerSecond: recordsPerChunk,
        targetSeconds: 1,
        now: () => Date.parse(run.startedAt),
      },
    );
    return { ...planned, run };
  }
}

/** Runs workers side by side, each in its own process. */
async function work(tasks: readonly WorkerTask[]): Promise<{ seconds: number; workers: WorkerMeasurement[] }> {
  const started = performance.now();
  const workers = await Promise.all(tasks.map(runWorker));
  // A process's start is not part of a warm Lambda's work: the slowest worker counts, not the clock on the wall.
  const slowest = Math.max(...workers.map(({ seconds }) => seconds));
  log(
    `  ${tasks.length} workers: ${round(slowest, 2)} s, ${round((performance.now() - started) / 1_000, 2)} s with their start`,
  );
  return { seconds: slowest, workers };
}

function runWorker(task: WorkerTask): Promise<WorkerMeasurement> {
  return new Promise((resolve, reject) => {
    const worker = spawn(
      process.execPath,
      [
        `--max-old-space-size=${WORKER_HEAP_MEGABYTES}`,
        new URL('./worker.ts', import.meta.url).pathname,
        JSON.stringify(task),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    worker.stdout.on('data', (chunk) => {
      output += chunk;
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`a worker ended with code ${code}`));
    });
  });
}

function print(): void {
  const firstCloseRate = result.newDailyRecordsAndPackages?.recordsPerSecond ?? 0;
  const rows: [string, string | number][] = [
    ['records/s of one worker, nothing changed', result.recordsPerSecond],
    ['records/s of bare Query', result.bareQueryRecordsPerSecond],
    ['fraction (at least 0.5)', result.fraction],
    ['records/s of one worker, every package new', result.newPackages.recordsPerSecond],
    ['records/s of one worker, daily records new too', firstCloseRate],
    ['client-days/s of the planner', result.plannerClientDaysPerSecond ?? 0],
    ['write units per package', result.writeUnitsPerPackage],
    ['chunks of the split run', result.chunks],
    ...WORKERS.map((count): [string, number] => [`wall seconds, ${count} workers`, result.wallSeconds[count] ?? 0]),
    ...Object.entries(result.peakMemoryMB).map(([size, megabytes]): [string, number] => [
      `peak memory in MB, ${size} client-days`,
      megabytes,
    ]),
    ['packages written by an unchanged run', result.unchangedRun.packagesWritten],
    ['write units on packages of an unchanged run', result.unchangedRun.packageWriteUnits],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(48)} ${String(value).padStart(10)}`);
  console.log(
    `\nOn ${cpus().length} CPUs, engine included. For config/<stage>.yml: packaging.recordsPerSecond at most ` +
      `${Math.floor(firstCloseRate / 100) * 100}, the rate of a first close, which writes everything.`,
  );
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
