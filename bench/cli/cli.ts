/**
 * `npm run -s bench:cli`: how long the command line takes to start, and `status` on 100,000 packages, beside bare
 * Node.js.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { PERIOD, startClosingDay } from './closing-day.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../../cli/halfmonth.mjs', import.meta.url));
const ROUNDS = 7;

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, packages: { type: 'string', default: '100000' } },
});
const packages = Number(values.packages);

const day = await startClosingDay(packages);
try {
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
      await day.keepRunRecord(name === 'statusOfMovingRun' ? Math.ceil(packages / 100) : 0);
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
  await day.stop();
}

/** Not spawnSync: the local cloud answers from this very process. */
async function timed(args: string[]): Promise<number> {
  const startedAt = performance.now();
  await run(process.execPath, args, { cwd: day.folder });
  return (performance.now() - startedAt) / 1000;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
