/** `npm start`: the main job on this machine, from packaging to the proof that every number agrees. */
import { statSync } from 'node:fs';
import { readSettings } from '../../config/settings.ts';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { endOfPeriod, lastEndedPeriod, type PeriodId, periodOf } from '../../lib/periods/periods.ts';
import { isProfileName, PROFILE_NAMES } from '../invoice-api-simulator/profiles.ts';
import { collectAccount } from './collect-account.ts';
import { INTERRUPTED_EXIT_CODE, interruption, untilInterrupted } from './interruption.ts';
import {
  announceKeptCloud,
  assertNoKeptCloud,
  forgetKeptCloud,
  hasKeptData,
  KEPT_FOLDER,
  keptCloudText,
  LAST_FOLDER,
} from './kept-cloud.ts';
import { assertEmpty } from './local-service.ts';
import { type Load, type MainJob, runMainJob } from './main-job.ts';
import { HelpShown, readOptions, type StartOptions, UNLIMITED_AGE_DAYS, WrongUsage } from './options.ts';
import { type Progress, progressOn } from './progress.ts';
import { reconcile } from './reconciliation.ts';
import { resultText } from './result-table.ts';
import { type Session, type SessionOptions, startSession } from './session.ts';

const SAMPLE_CLIENTS = 300;
const SAMPLE_EVENTS = 30_000;
const MILLISECONDS_PER_DAY = 86_400_000;

const EXIT = { agrees: 0, failed: 1, wrongUsage: 2 } as const;

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
    return error instanceof WrongUsage ? EXIT.wrongUsage : EXIT.failed;
  }
}

async function start(options: StartOptions, progress: Progress, signal: AbortSignal): Promise<number> {
  const job = mainJobOf(options, Date.now());
  if (options.keep) assertNoKeptCloud();
  const goesOn = options.keep && hasKeptData();
  const session = await startSession(sessionOptions(options, job), progress, signal);
  try {
    const exitCode = goesOn ? EXIT.agrees : await runAndReconcile(session, job, progress, signal);
    if (goesOn) progress.say(GOES_ON);
    if (options.keep) await keepRunning(session, options, signal);
    return exitCode;
  } finally {
    progress.close();
    if (options.keep) forgetKeptCloud();
    await session.stop();
  }
}

const GOES_ON =
  'The data of an earlier --keep are there again, and nothing was produced. Remove .halfmonth/kept to begin anew.';

async function runAndReconcile(
  session: Session,
  job: MainJob,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  await assertEmpty(session.service);
  const result = await runMainJob(session.service, job, progress, signal);
  const stage = progress.begin('comparing every number');
  const { account, resends } = await collectAccount(session.service, result, session.api, signal);
  const reconciliation = reconcile(account);
  stage.end(`${reconciliation.lines.length + reconciliation.checks.length} comparisons`);
  progress.say(`\n${resultText(reconciliation, resends, process.stdout.isTTY)}`);
  return reconciliation.differences.length === 0 ? EXIT.agrees : EXIT.failed;
}

async function keepRunning(
  session: Session,
  { invoiceApi, profile }: StartOptions,
  signal: AbortSignal,
): Promise<void> {
  const api = { url: session.apiUrl, ...(invoiceApi ? {} : { profile }) };
  console.log(`\n${keptCloudText(announceKeptCloud(session.service.cloud, api, session.overrides))}`);
  await untilInterrupted(signal);
  console.log('\nStopping.');
}

function sessionOptions(options: StartOptions, { maxAgeDays }: MainJob): SessionOptions {
  const { invoiceApi, profile, seed, quota, keep } = options;
  if (!isProfileName(profile)) throw new WrongUsage(`there is no profile ${profile}`);
  return {
    invoiceApi: invoiceApi ? { kind: 'own', ...invoiceApi } : { kind: 'simulator', profile, seed },
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
    throw new WrongUsage(`${load.periodId} has not ended: only a half month that has ended can be closed`);
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

function loadOf({ eventsFile, period, seed }: StartOptions, lastEnded: PeriodId): Load {
  if (eventsFile) {
    const { size: bytes } = statSync(eventsFile);
    return { kind: 'file', path: eventsFile, bytes, ...(period ? { periodId: period } : {}) };
  }
  return { kind: 'sample', seed, clients: SAMPLE_CLIENTS, events: SAMPLE_EVENTS, periodId: period ?? lastEnded };
}

/** One line for what was foreseen, the whole story for what was not. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.message : (error.stack ?? error.message);
}

process.exitCode = await main();
