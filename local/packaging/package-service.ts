import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lock } from 'proper-lockfile';

const run = promisify(execFile);

const SERVICE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
/** Everything that the package is made of; a change to any of it makes another package. */
const SOURCES = ['serverless.yml', 'package-lock.json', 'config', 'functions', 'lib', 'resources', 'statemachines'];
const KEPT_FOR_MILLISECONDS = 24 * 3600 * 1000;
/** Packaging takes seconds; another may be before us. */
const LOCK_OPTIONS = { retries: { retries: 600, minTimeout: 200, maxTimeout: 200 } };

/** Packaging takes seconds, also on a busy machine; what takes longer than this would never end. */
const LONGEST_PACKAGING_MILLISECONDS = 300_000;

/** The variables that `serverless package` is given: enough to find programs, and no credentials. */
const BARE_ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot'];

/** `serverless package` did not succeed; the message holds what it said. */
export class PackagingFailed extends Error {
  override readonly name = 'PackagingFailed';
  readonly code = 'PACKAGING_FAILED';
}

/** What shapes a package besides the sources. */
export interface PackagingOptions {
  /** The stage, with its settings in `config/<stage>.yml`. */
  stage: string;
  /** Values for `--param`, such as `{ invoiceApiUrl: 'https://...' }`. */
  parameters?: Record<string, string>;
}

/**
 * Runs `serverless package` and answers the folder that holds the compiled CloudFormation and one zip per function.
 * The same sources, stage and parameters are packaged once: later calls, from other processes too, get the same folder.
 * Needs neither credentials nor network, and gets none of the caller's environment.
 * @throws PackagingFailed with the output of `serverless package`
 */
export async function packageService(options: PackagingOptions): Promise<string> {
  const cache = join(SERVICE_FOLDER, '.halfmonth', 'packages');
  const folder = join(cache, `${options.stage}-${identityOf(options)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  // One packaging at a time: serverless collects its zips in one folder of the service, whatever the target.
  const release = await lock(cache, LOCK_OPTIONS);
  try {
    if (existsSync(folder)) return folder;
    removeOldPackages(cache);
    // Packaged beside and then renamed: a folder that exists is complete.
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    await runServerlessPackage(options, unfinished);
    renameSync(unfinished, folder);
    return folder;
  } finally {
    await release();
  }
}

async function runServerlessPackage({ stage, parameters = {} }: PackagingOptions, folder: string): Promise<void> {
  const serverless = join(SERVICE_FOLDER, 'node_modules', 'serverless', 'bin', 'serverless.js');
  const params = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  const kept = BARE_ENVIRONMENT.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  const env = { ...Object.fromEntries(kept), HALFMONTH_BUILD_FOLDER: `.esbuild/${process.pid}` };
  const command = [serverless, 'package', '--stage', stage, '--package', folder, ...params];
  try {
    await run(process.execPath, command, { cwd: SERVICE_FOLDER, env, timeout: LONGEST_PACKAGING_MILLISECONDS });
  } catch (error) {
    const { stdout = '', stderr = '', killed } = error as { stdout?: string; stderr?: string; killed?: boolean };
    const how = killed ? `did not end within ${LONGEST_PACKAGING_MILLISECONDS / 1_000} s and was stopped` : 'failed';
    throw new PackagingFailed(`serverless package --stage ${stage} ${how}:\n${stderr}${stdout}`, { cause: error });
  }
}

/** A hash over the content of every source, the stage and the parameters. */
function identityOf({ stage, parameters = {} }: PackagingOptions): string {
  const hash = createHash('sha256').update(JSON.stringify([stage, Object.entries(parameters).sort()]));
  for (const source of SOURCES) {
    for (const file of filesOf(join(SERVICE_FOLDER, source))) hash.update(`\0${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 16);
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => resolve(path, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function removeOldPackages(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (Date.now() - statSync(path).mtimeMs > KEPT_FOR_MILLISECONDS) rmSync(path, { recursive: true, force: true });
  }
}
