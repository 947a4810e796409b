import { accessSync, constants, statSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type ColumnMapping, InvalidMapping, readMapping } from '../../lib/event-files/csv.ts';
import { type FileForm, isCsvName } from '../../lib/event-files/event-file.ts';
import { InvalidPeriod, type PeriodId, periodOf } from '../../lib/periods/periods.ts';
import { InvalidQuota, parseQuotaWindows } from '../../lib/quota/quota.ts';
import { VENDOR_NAMES, type VendorName } from '../vendor-apis/simulated-vendor.ts';

/**
 * The variable that holds the token for `--invoice-api`: a token on the command line would be in every process list.
 */
export const TOKEN_VARIABLE = 'HALFMONTH_INVOICE_API_TOKEN';

/** Keeps every event: older ones than a hundred years are a mistake in the clock. */
export const UNLIMITED_AGE_DAYS = 36_525;

/** What `npm start` was asked to do, checked. */
export interface StartOptions {
  /** Absent: sample events. */
  eventsFile?: { path: string; form: FileForm };
  /** Absent: the half month that has just ended, or every one in the file. */
  period?: PeriodId;
  /** The invoice API simulator's profile. */
  profile: string;
  /** Absent: the simulator. */
  invoiceApi?: { url: string; token: string };
  /** The vendor whose API is simulated instead, reached through its adapter. */
  adapter?: VendorName;
  /**
   * Windows as `requests/seconds`, shared by sends and status reads. Absent: what the profile or config/local.yml says.
   */
  quota?: string;
  seed: number;
  /** Absent: what config/local.yml says for sample events, unlimited for a file. */
  maxAgeDays?: number;
  keep: boolean;
  /** Lets the simulated API's time pass faster. */
  fast: boolean;
  /** Shows the job in a browser; the cloud is kept for that. */
  console: boolean;
}

/** The command line cannot be used; the message is one line that says why. */
export class InvalidOptions extends Error {
  override readonly name = 'InvalidOptions';
  readonly code = 'WRONG_USAGE';
}

/** Help was asked for and has been printed. */
export class HelpShown extends Error {
  override readonly name = 'HelpShown';
  readonly code = 'HELP_SHOWN';
}

/**
 * Reads the command line of `npm start`.
 * @param parameters what follows the program's name
 * @param profiles the names that `--api-profile` may have
 * @throws InvalidOptions
 * @throws HelpShown
 */
export function readOptions(
  parameters: readonly string[],
  environment: Record<string, string | undefined>,
  profiles: readonly string[],
): StartOptions {
  const command = commandOf(profiles);
  try {
    command.parse([...parameters], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new HelpShown();
    const fault = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    throw new InvalidOptions(`${fault} (npm start -- --help says what can be given)`);
  }
  return checkedTogether(command.opts<RawOptions>(), environment);
}

interface RawOptions {
  events?: string;
  map?: ColumnMapping;
  source?: string;
  period?: PeriodId;
  apiProfile?: string;
  invoiceApi?: string;
  adapter?: VendorName;
  quota?: string;
  seed: number;
  maxAgeDays?: number;
  keep: boolean;
  fast: boolean;
  console: boolean;
}

function commandOf(profiles: readonly string[]): Command {
  return new Command('npm start --')
    .description(
      'Runs the main job on this machine, without an account: boots the local cloud, counts consumption events, ' +
        'closes the half month against an invoice API and proves that every number agrees.',
    )
    .option(
      '--events <file>',
      'your own events instead of sample events: a CloudEvent in JSON a line, or CSV; packed as gz or not',
      readableFile,
    )
    .option(
      '--map <columns>',
      'CSV: which column is which, as id=COLUMN,subject=COLUMN,time=...,meter=...,quantity=...',
      mapping,
    )
    .option('--source <source>', "CSV: the events' source, where no column has it")
    .option('--period <period>', 'close this half month, such as 2026-11-H1', periodId)
    .addOption(
      new Option('--api-profile <name>', 'how the simulated invoice API behaves (default: demo)').choices(profiles),
    )
    .option(
      '--invoice-api <url>',
      `send to this API instead of the simulator; its token in ${TOKEN_VARIABLE}`,
      webAddress,
    )
    .addOption(
      new Option('--adapter <vendor>', "send through this adapter to a simulation of the vendor's API").choices(
        VENDOR_NAMES,
      ),
    )
    .option('--quota <windows>', 'pace of all requests as requests/seconds, such as 60/60,5000/86400, or none', quota)
    .option('--seed <number>', 'of the sample events and the simulator', wholeNumber(0, 0x7fffffff), 1)
    .option(
      '--max-age-days <days>',
      'refuse older events (default: the setting for sample events, no limit with --events)',
      wholeNumber(1, UNLIMITED_AGE_DAYS),
    )
    .option(
      '--fast',
      "let the simulated API's time pass 600 times as fast, for profiles that are slow on purpose",
      false,
    )
    .option('--keep', 'leave the cloud running when done, its data in .halfmonth/, until Ctrl-C', false)
    .option('--console', 'show the job in your browser while it runs, with --keep', false)
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

const EXAMPLES = `
Examples:
  npm start
  npm start -- --keep
  npm start -- --console
  npm start -- --adapter stripe
  npm start -- --api-profile clearance --fast
  npm start -- --events usage.ndjson --period 2026-11-H1
  npm start -- --events usage.csv.gz --map id=row,subject=customer,time=at,meter=metric,quantity=amount --source crm
  ${TOKEN_VARIABLE}=secret npm start -- --events usage.ndjson --invoice-api https://billing.example/api --quota 60/60

Exit codes: 0 every number agrees, 1 it failed or a number differs, 2 wrong usage, 3 the numbers agree, and lines of the file were not counted
or a period has no usage.`;

function checkedTogether(raw: RawOptions, environment: Record<string, string | undefined>): StartOptions {
  if (raw.invoiceApi && raw.apiProfile) {
    throw new InvalidOptions(
      '--api-profile is for the simulator and --invoice-api for an API of your own: give one of them',
    );
  }
  if (raw.adapter && (raw.invoiceApi || raw.apiProfile)) {
    throw new InvalidOptions(
      "--adapter has a vendor's API simulated: give neither --api-profile nor --invoice-api with it. Your own account is billed " +
        'by a stage of its own (docs/adapters.md)',
    );
  }
  if ((raw.invoiceApi || raw.adapter) && raw.fast) {
    throw new InvalidOptions('--fast is for the simulator: the time of any other API passes as it does');
  }
  const token = environment[TOKEN_VARIABLE];
  if (raw.invoiceApi && !token) {
    throw new InvalidOptions(`--invoice-api needs the API's token in the environment variable ${TOKEN_VARIABLE}`);
  }
  return {
    ...(raw.events ? { eventsFile: { path: raw.events, form: formOf(raw.events, raw) } } : {}),
    ...(raw.period ? { period: raw.period } : {}),
    profile: raw.apiProfile ?? 'demo',
    ...(raw.invoiceApi && token ? { invoiceApi: { url: raw.invoiceApi.replace(/\/+$/, ''), token } } : {}),
    ...(raw.adapter ? { adapter: raw.adapter } : {}),
    ...(raw.quota ? { quota: raw.quota } : {}),
    seed: raw.seed,
    ...(raw.maxAgeDays ? { maxAgeDays: raw.maxAgeDays } : {}),
    fast: raw.fast,
    keep: raw.keep || raw.console,
    console: raw.console,
  };
}

/** CSV by its name or because columns are named, else NDJSON. */
function formOf(path: string, { map, source }: RawOptions): FileForm {
  if (!isCsvName(path) && !map) return { kind: 'ndjson' };
  if (!map) {
    throw new InvalidOptions(
      `${path} is CSV: say which column is which with --map id=COLUMN,subject=COLUMN,time=COLUMN,meter=COLUMN,quantity=COLUMN`,
    );
  }
  if (map.source === undefined && source === undefined) {
    throw new InvalidOptions(
      "CSV: name the events' source with --source, or the column that has it with --map source=COLUMN",
    );
  }
  return { kind: 'csv', mapping: map, source };
}

function mapping(text: string): ColumnMapping {
  try {
    return readMapping(text);
  } catch (error) {
    if (error instanceof InvalidMapping) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function readableFile(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) throw new InvalidArgumentError(found ? 'It is not a file.' : 'There is no such file.');
  try {
    accessSync(path, constants.R_OK);
  } catch {
    throw new InvalidArgumentError('It may not be read.');
  }
  return path;
}

function periodId(text: string): PeriodId {
  try {
    return periodOf(text).id;
  } catch (error) {
    if (error instanceof InvalidPeriod) throw new InvalidArgumentError('Write it as in 2026-11-H1 or 2026-11-H2.');
    throw error;
  }
}

function webAddress(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('It must be an http(s) address.');
}

function quota(text: string): string {
  try {
    parseQuotaWindows(text);
    return text;
  } catch (error) {
    if (error instanceof InvalidQuota) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
