/** `npm test`: type check, lint, every test. Ends with one line that counts what the runner ran. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Counts {
  numPassedTests: number;
  numFailedTests: number;
  numRuntimeErrorTestSuites: number;
  numPendingTests: number;
}

async function succeeds(command: string, ...parameters: string[]): Promise<boolean> {
  const child = spawn(command, parameters, { stdio: 'inherit', shell: process.platform === 'win32' });
  const [code] = await once(child, 'exit');
  return code === 0;
}

const checks: Record<string, boolean> = {
  'type check': await succeeds('npm', 'run', '-s', 'typecheck'),
  lint: await succeeds('npm', 'run', '-s', 'lint'),
};

const folder = await mkdtemp(join(tmpdir(), 'halfmonth-test-'));
try {
  const file = join(folder, 'result.json');
  const jestSucceeded = await succeeds('npm', 'run', '-s', 'jest', '--', '--json', '--outputFile', file);
  const counts = JSON.parse(await readFile(file, 'utf8')) as Counts; // written by jest just now, in its documented form
  const failedChecks = Object.entries(checks).filter(([, passed]) => !passed);
  for (const [name] of failedChecks) console.error(`failed: ${name}`);
  const passed = counts.numPassedTests + Object.keys(checks).length - failedChecks.length;
  const failed = counts.numFailedTests + counts.numRuntimeErrorTestSuites + failedChecks.length;
  console.log(
    `${passed} passed, ${failed} failed${counts.numPendingTests ? `, ${counts.numPendingTests} skipped` : ''}`,
  );
  process.exitCode = jestSucceeded && failed === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
