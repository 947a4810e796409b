/** `npm start`: the main job on this machine, from packaging to the proof that every number agrees. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openInBrowser } from '../../cli/terminal/open-in-browser.ts';
import { readSettings } from '../../config/settings.ts';
import { assertReadable } from '../../lib/event-files/event-file.ts';
import { UnreadableFile } from '../../lib/event-files/sourced-event.ts';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { endOfPeriod, lastEndedPeriod, type PeriodId, periodOf } from '../../lib/periods/periods.ts';
import { isProfileName, PROFILE_NAMES } from '../invoice-api-simulator/profiles.ts';
import {
  announceKeptCloud,
  claimKeptData,
  forgetKeptCloud,
  KEPT_FOLDER,
  type KeptSettings,
  keptCloudText,
  keptSettings,
  LAST_FOLDER,
  rememberSettings,
} from '../kept-cloud/kept-cloud.ts';
import { collectAccount } from './collect-account.ts';
import { type ConsoleOfStart, startConsole } from './console-of-start.ts';
import { INTERRUPTED_EXIT_CODE, interruption, untilInterrupted } from './interruption.ts';
import { assertEmpty } from './local-service.ts';
import { type Load, type MainJob, runMainJob } from './main-job.ts';
import { HelpShown, InvalidOptions, readOptions, type StartOptions, UNLIMITED_AGE_DAYS } from './options.ts';
import { FAST_TIME_SCALE, slownessWords } from './profile-time.ts';
import { type Progress, progressOn } from './progress.ts';
import { compareEveryStation } from './reconciliation.ts';
import { isAllCounted, resultText } from './result-table.ts';
import { type Session, type SessionOptions, startSession } from './session.ts';
import { mapClients } from './vendor-access.ts';

const SAMPLE_CLIENTS = 300;
const SAMPLE_EVENTS = 30_000;
const ADAPTER_SHARE = 3;
/** Nobody knows beforehand how many clients are in a file. */
const PACKAGES_OF_A_FILE = 1_000;
const MILLISECONDS_PER_DAY = 86_400_000;

const EXIT = { agrees: 0, failed: 1, wrongUsage: 2, foundProblem: 3 } as const;

async function main(): Promise<number> {
  const progress = progressOn(process.stdout);
  const signal = interruption();
  try {
    return await start(readOptions(process.argv.slice(2), process.env, PROFILE_NAMES), progress, signal);
  } catch (error) {
    progress.close();
    if (error instanceof HelpShown) return EXIT.agrees;
    if (signal.aborted) {
      console.error('Interrupted; everything that was started has been stopped.');
      return INTERRUPTED_EXIT_CODE;
    }
    console.error(messageOf(error));
    return error instanceof InvalidOptions || error instanceof UnreadableFile ? EXIT.wrongUsage : EXIT.failed;
  }
}

async function start(options: StartOptions, progress: Progress, signal: AbortSignal): Promise<number> {
  const job = mainJobOf(options, Date.now());
  if (options.eventsFile) await assertReadable(options.eventsFile.path, options.eventsFile.form);
  const pace = paceWords(options, job.load);
  if (pace) progress.say(pace);
  if (options.keep) return startAndKeep(options, job, progress, signal);
  const session = await startSession(sessionOptions(options, job), progress, signal);
  try {
    return await runAndReconcile(session, job, progress, signal);
  } finally {
    progress.close();
    await session.stop();
  }
}

async function startAndKeep(
  options: StartOptions,
  job: MainJob,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const release = claimKeptData();
  try {
    const kept = keptSettings();
    const { maxAgeDays, adapter } = kept ?? { ...options, maxAgeDays: job.maxAgeDays };
    if (!kept) rememberSettings({ maxAgeDays, ...(adapter ? { adapter } : {}) });
    else if (goesElsewhere(options, kept)) throw new InvalidOptions(HOLDS_DATA);
    const { adapter: _asked, ...others } = options;
    const goingOn = adapter ? { ...others, adapter } : others;
    const session = await startSession(sessionOptions(goingOn, { maxAgeDays }), progress, signal);
    let shown: ConsoleOfStart | undefined;
    try {
      // Before the job, so that others can watch it.
      const cloud = announceKeptCloud(session.service.cloud, keptApiOf(session, goingOn), session.overrides);
      if (options.console) shown = await showConsole(progress);
      const exitCode = !kept ? await runAndReconcile(session, job, progress, signal) : EXIT.agrees;
      if (kept) progress.say(GOES_ON);
      progress.say(`\n${keptCloudText(cloud)}`);
      if (shown) progress.say(`The console goes on in your browser: ${new URL(shown.address).origin}`);
      await untilInterrupted(signal);
      progress.say('\nStopping.');
      return exitCode;
    } finally {
      progress.close();
      await shown?.stop();
      forgetKeptCloud();
      await session.stop();
    }
  } finally {
    release();
  }
}

/** The job is what was asked for: it goes on without its picture. */
async function showConsole(progress: Progress): Promise<ConsoleOfStart | undefined> {
  try {
    const shown = await startConsole();
    progress.say(`The console: ${shown.address}\n(It works once, in one browser.)`);
    if (process.stdout.isTTY) openInBrowser(shown.address);
    return shown;
  } catch (error) {
    progress.say(messageOf(error));
    return undefined;
  }
}

function keptApiOf(
  { apiUrl }: Session,
  { invoiceApi, adapter, profile }: StartOptions,
): { url: string; profile?: string } {
  return { url: apiUrl, ...(invoiceApi || adapter ? {} : { profile }) };
}

/** Whether what was asked for is not what the kept data are of. */
function goesElsewhere({ eventsFile, period, adapter, invoiceApi }: StartOptions, kept: KeptSettings): boolean {
  const isOtherApi = kept.adapter ? invoiceApi !== undefined : false;
  return eventsFile !== undefined || period !== undefined || isOtherApi || (adapter ?? kept.adapter) !== kept.adapter;
}

const HOLDS_DATA =
  '.halfmonth/kept holds the data of an earlier --keep, and its packages went to one API: start without --events and --period, and ' +
  'with no other --adapter or --invoice-api, to go on with them, or remove that folder to begin anew';

const GOES_ON =
  'The data of an earlier --keep are there again, and nothing was produced. Remove .halfmonth/kept to begin anew.';

async function runAndReconcile(
  session: Session,
  job: MainJob,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  await assertEmpty(session.service);
  const result = await runMainJob(session.service, { ...job, ...beforeRunOf(session, progress) }, progress, signal);
  const stage = progress.begin('comparing every number');
  const { account, resends, packages } = await collectAccount(session, result, signal);
  const reconciliation = compareEveryStation(account);
  stage.end(`${reconciliation.lines.length + reconciliation.checks.length} comparisons`);
  const { isTTY, columns } = process.stdout;
  progress.say(
    `\n${resultText(reconciliation, resends, packages, isTTY, result.refused, isTTY ? columns : undefined)}`,
  );
  if (reconciliation.differences.length > 0) return EXIT.failed;
  return isAllCounted(reconciliation, result.refused) ? EXIT.agrees : EXIT.foundProblem;
}

/** A vendor knows customers: who each client is has to be said before packages go to it. */
function beforeRunOf({ api, service }: Session, progress: Progress): Pick<MainJob, 'beforeRun'> {
  if (api.kind !== 'vendor') return {};
  return {
    async beforeRun(periodId) {
      const stage = progress.begin('mapping clients');
      const mapped = await mapClients(service.tables, periodId, api);
      stage.end(`${mapped} clients are customers at the simulated ${api.simulation.name}`);
    },
  };
}

/** What decides how long sending takes, where somebody would wonder. */
function paceWords({ invoiceApi, adapter, profile, quota, fast }: StartOptions, load: Load): string | undefined {
  if (adapter) return undefined;
  if (!invoiceApi) {
    const packages = load.kind === 'sample' ? load.clients : PACKAGES_OF_A_FILE;
    return isProfileName(profile) && !quota ? slownessWords(profile, packages, fast) : undefined;
  }
  if (quota) return undefined;
  const { sendQuota, statusQuota, sharedQuota } = readSettings('local').invoiceApi;
  return (
    `Requests go to ${invoiceApi.url} at the pace of config/local.yml, in requests/seconds: sends ${sendQuota}, status ` +
    `reads ${statusQuota}, both together ${sharedQuota}. The pace that your API allows: --quota 60/60, for 60 a minute.`
  );
}

function sessionOptions(options: StartOptions, { maxAgeDays }: Pick<MainJob, 'maxAgeDays'>): SessionOptions {
  const { invoiceApi, adapter, profile, seed, quota, keep, fast } = options;
  if (!isProfileName(profile)) throw new InvalidOptions(`there is no profile ${profile}`);
  return {
    invoiceApi: adapter
      ? { kind: 'vendor', vendor: adapter, seed }
      : invoiceApi
        ? { kind: 'own', ...invoiceApi }
        : { kind: 'simulator', profile, seed, ...(fast ? { timeScale: FAST_TIME_SCALE } : {}) },
    ...(quota ? { quota } : {}),
    maxAgeDays,
    folder: keep ? KEPT_FOLDER : LAST_FOLDER,
    keepData: keep,
  };
}

function mainJobOf(options: StartOptions, now: number): MainJob {
  const { billing } = readSettings('local');
  const calendar = new BillingCalendar(billing.timeZone, billing.sliceMinutes);
  const load = loadOf(options, lastEndedPeriod(now, calendar).id);
  if (load.periodId && endOfPeriod(periodOf(load.periodId), calendar) > now) {
    throw new InvalidOptions(`${load.periodId} has not ended: only a half month that has ended can be closed`);
  }
  const maxAgeDays = options.maxAgeDays ?? maxAgeDaysFor(load, calendar, billing.eventMaxAgeDays, now);
  return { load, calendar, maxAgeDays, now };
}

/** Old enough for all of a sample's period, or for whatever is in a file. */
function maxAgeDaysFor(load: Load, calendar: BillingCalendar, setting: number, now: number): number {
  if (load.kind === 'file') return UNLIMITED_AGE_DAYS;
  const age = (now - calendar.startOfDay(periodOf(load.periodId).from)) / MILLISECONDS_PER_DAY;
  return Math.max(setting, Math.ceil(age) + 1);
}

function loadOf({ eventsFile, period, seed, keep, adapter }: StartOptions, lastEnded: PeriodId): Load {
  if (eventsFile) {
    const { size: bytes } = statSync(eventsFile.path);
    const refusedPath = join(keep ? KEPT_FOLDER : LAST_FOLDER, 'refused-lines.ndjson');
    return { kind: 'file', ...eventsFile, bytes, refusedPath, ...(period ? { periodId: period } : {}) };
  }
  // Vendors' limits are lower than the simulator's: a smaller sample is billed in a minute or two all the same.
  const share = adapter ? ADAPTER_SHARE : 1;
  const size = { clients: SAMPLE_CLIENTS / share, events: SAMPLE_EVENTS / share };
  // Vendors' books know our meters by the names of theirs, whatever their kinds: there all add up.
  return { kind: 'sample', seed, ...size, periodId: period ?? lastEnded, meters: adapter ? 'sums' : 'all' };
}

/** One line for what was foreseen, the whole story for what was not. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.message : (error.stack ?? error.message);
}

// The reader of the output has gone, as `head` does.
process.stdout.on('error', () => process.exit(EXIT.failed));

// What a start leaves behind holds quantities and credentials: for this user alone.
process.umask(0o077);

process.exitCode = await main();
