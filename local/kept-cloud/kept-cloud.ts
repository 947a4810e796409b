import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { LocalCloud } from '../cloud/local-cloud.ts';
import { VENDOR_NAMES } from '../vendor-apis/simulated-vendor.ts';
import { isAlive } from './is-alive.ts';
import { KEPT_CLOUD_NOTICE, type KeptCloud, writeKeptCloudNotice } from './kept-cloud-notice.ts';

const SERVICE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
/** Everything that a start leaves on this machine. Not under version control. */
export const HALFMONTH_FOLDER = join(SERVICE_FOLDER, '.halfmonth');
/** Where `--keep` keeps its data and logs. */
export const KEPT_FOLDER = join(HALFMONTH_FOLDER, 'kept');
/** Where a start without `--keep` leaves its logs. */
export const LAST_FOLDER = join(HALFMONTH_FOLDER, 'last');
/** Says where a cloud that was left running can be reached. Gone when it has stopped. */
export const LOCAL_CLOUD_FILE = join(SERVICE_FOLDER, KEPT_CLOUD_NOTICE);

/** Holds the process that works with the kept data. */
const OWNER_FILE = join(KEPT_FOLDER, 'owner.pid');

/** Is there when data have been kept; holds what they were counted with. */
const SETTINGS_FILE = join(KEPT_FOLDER, 'settings.json');

const settingsSchema = z.object({
  maxAgeDays: z.int().positive(),
  /** The vendor whose API is simulated; absent: an API of the contract. */
  adapter: z.optional(z.enum(VENDOR_NAMES)),
});

/** What kept data were counted with, and where their packages went. */
export type KeptSettings = z.output<typeof settingsSchema>;

/** Another process runs the kept cloud. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';
  readonly code = 'ALREADY_RUNNING';

  constructor(pid: number) {
    super(
      `A local cloud with kept data runs already (process ${pid}): end it with Ctrl-C in its terminal. If that process is ` +
        'another program, remove .halfmonth/kept/owner.pid.',
    );
  }
}

/**
 * Takes the kept data for this process alone.
 * @returns what gives them free again
 * @throws AlreadyRunning
 */
export function claimKeptData(): () => void {
  mkdirSync(KEPT_FOLDER, { recursive: true });
  for (;;) {
    try {
      writeFileSync(OWNER_FILE, String(process.pid), { flag: 'wx' });
      return () => rmSync(OWNER_FILE, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(readFileSync(OWNER_FILE, 'utf8'));
      if (owner > 0 && isAlive(owner)) throw new AlreadyRunning(owner);
      rmSync(OWNER_FILE, { force: true });
    }
  }
}

/** What the kept data are of; nothing when there are none. */
export function keptSettings(): KeptSettings | undefined {
  if (!existsSync(SETTINGS_FILE)) return undefined;
  return settingsSchema.parse(JSON.parse(readFileSync(SETTINGS_FILE, 'utf8')));
}

/** Remembers for later starts what the data are of. */
export function rememberSettings(settings: KeptSettings): void {
  writeFileSync(SETTINGS_FILE, JSON.stringify(settings));
}

/**
 * Says where the cloud is, until `forgetKeptCloud`.
 * @param file where commands look, for those that run in another folder
 */
export function announceKeptCloud(
  { region, endpoints, outputs, environment }: LocalCloud,
  invoiceApi: KeptCloud['invoiceApi'],
  overrides: KeptCloud['overrides'],
  file = LOCAL_CLOUD_FILE,
): KeptCloud {
  const startedAt = new Date().toISOString();
  const kept: KeptCloud = {
    pid: process.pid,
    startedAt,
    region,
    endpoints,
    outputs,
    environment,
    invoiceApi,
    overrides,
  };
  writeKeptCloudNotice(file, kept);
  return kept;
}

/** The cloud is about to stop. */
export function forgetKeptCloud(): void {
  rmSync(LOCAL_CLOUD_FILE, { force: true });
}

/** What to do with a kept cloud, for a person. */
export function keptCloudText({ invoiceApi }: KeptCloud): string {
  return [
    'The local cloud is left running, its data kept in .halfmonth/kept. Ctrl-C ends it. In another terminal:',
    '',
    '  npx halfmonth status              how the period stands, and what to do next',
    '  npx halfmonth explain CLIENT      why a client is done or not',
    '  npx halfmonth certificate         what was billed, to the last digit',
    '',
    `Packages go to ${invoiceApi.url}. Addresses and variables for other programs: ${KEPT_CLOUD_NOTICE}`,
  ].join('\n');
}
