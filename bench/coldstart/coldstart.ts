import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { packageService } from '../../local/packaging/package-service.ts';
import { type ComparedFunction, comparedFunctions, type StartableBundle } from './bundles.ts';

const run = promisify(execFile);
const READY = fileURLToPath(new URL('./ready.mjs', import.meta.url));
/** The addresses play no part: nothing is sent. */
const PARAMETERS = { invoiceApiUrl: 'https://invoices.example.com', alarmEmail: 'billing-on-call@example.com' };
const USAGE = `npm run -s bench:coldstart -- [--rounds N] [--json]

For every function of the packaged service: the weight of its zip, and the time from a fresh process to ready to invoke,
side by side with a bare handler that imports only the same SDK clients and commands.

Example: npm run -s bench:coldstart -- --rounds 41`;

/** Milliseconds of a start, and of the bare one right beside it. */
interface Pair {
  milliseconds: number;
  bareMilliseconds: number;
}

interface Comparison {
  zippedBytes: number;
  bareZippedBytes: number;
  sizeRatio: number;
  milliseconds: number;
  bareMilliseconds: number;
  timeRatio: number;
  clients: string[];
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '21' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) console.log(USAGE);
else await bench(Number(options.rounds), options.json);

async function bench(rounds: number, json: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'halfmonth-coldstart-'));
  try {
    const functions = await comparedFunctions(await packageService({ stage: 'prod', parameters: PARAMETERS }), folder);
    const pairs = await startInTurn(functions, rounds);
    const results = Object.fromEntries(
      functions.map((compared) => [compared.name, comparison(compared, pairs.get(compared) ?? [])]),
    );
    console.log(json ? JSON.stringify({ rounds, functions: results }) : tableOf(results));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * One start of each function and of its bare handler in every round, one right after the other and in changing order,
 * so that whatever else the machine does hits both alike and no function alone.
 */
async function startInTurn(functions: ComparedFunction[], rounds: number): Promise<Map<ComparedFunction, Pair[]>> {
  const pairs = new Map<ComparedFunction, Pair[]>(functions.map((compared) => [compared, []]));
  // Round 0 reads files that the others find in memory, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [{ ours, bare }, taken] of pairs) {
      const pair = round % 2 ? await startPair(ours, bare) : (await startPair(bare, ours)).toReversed();
      const [milliseconds = Number.NaN, bareMilliseconds = Number.NaN] = pair;
      if (round > 0) taken.push({ milliseconds, bareMilliseconds });
    }
  }
  return pairs;
}

async function startPair(first: StartableBundle, second: StartableBundle): Promise<number[]> {
  return [await startTime(first), await startTime(second)];
}

/**
 * Medians of all rounds; the ratio is the median of what the pairs say, each of which was started within the same
 * second.
 */
function comparison({ ours, bare, clients }: ComparedFunction, pairs: Pair[]): Comparison {
  return {
    zippedBytes: ours.zippedBytes,
    bareZippedBytes: bare.zippedBytes,
    sizeRatio: ours.zippedBytes / bare.zippedBytes,
    milliseconds: median(pairs.map(({ milliseconds }) => milliseconds)),
    bareMilliseconds: median(pairs.map(({ bareMilliseconds }) => bareMilliseconds)),
    timeRatio: median(pairs.map(({ milliseconds, bareMilliseconds }) => milliseconds / bareMilliseconds)),
    clients,
  };
}

/** Milliseconds from the start of a process until the bundle's handler could be invoked. */
async function startTime({ moduleUrl, handlerExport, environment }: StartableBundle): Promise<number> {
  const env = { ...environment, AWS_REGION: 'eu-central-1', AWS_LAMBDA_FUNCTION_NAME: 'bench' };
  const { stdout } = await run(process.execPath, [READY, moduleUrl, handlerExport], { env });
  return Number(stdout.slice(stdout.lastIndexOf('\n') + 1));
}

function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function tableOf(results: Record<string, Comparison>): string {
  const row = (cells: (string | number)[]) =>
    cells.map((cell, index) => (index === 0 ? String(cell).padEnd(18) : String(cell).padStart(10))).join(' ');
  const lines = Object.entries(results).map(([name, result]) =>
    row([
      name,
      (result.zippedBytes / 1024).toFixed(0),
      (result.bareZippedBytes / 1024).toFixed(0),
      result.sizeRatio.toFixed(2),
      result.milliseconds.toFixed(0),
      result.bareMilliseconds.toFixed(0),
      result.timeRatio.toFixed(2),
    ]),
  );
  return [row(['function', 'KiB', 'bare KiB', 'ratio', 'ms', 'bare ms', 'ratio']), ...lines].join('\n');
}
