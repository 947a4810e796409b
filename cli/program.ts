import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CommonOptions } from './connection/common-options.ts';
import { Context } from './connection/context.ts';
import type { ExitCode } from './terminal/exit-codes.ts';
import { FORMS, formOf } from './terminal/form.ts';
import { Output, type OutputForm } from './terminal/output.ts';

/** What a command's module exports. It is loaded when the command is called, so that help costs no SDK. */
export interface CommandModule {
  run(context: Context, ...given: never[]): Promise<ExitCode | undefined>;
}

/** What no PERIOD means where it is not the last that has ended. */
const WITHOUT_PERIOD: Record<string, string> = {
  status: 'Without one, the last that has ended is meant; others of the last year with something open are named.',
  parked: 'Without one, all that ended in the last year are looked at.',
  late: 'Without one, all that ended in the last year and have late usage open are looked at, else the last.',
};

const EPILOGUE = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 found a problem.
Every command but completion takes --json, --output, --local, --stage, --region and --profile; lists take --columns and
--sort too. More: docs/operating.md`;

/** All commands with their options. Nothing is loaded for them but this file and commander. */
export function buildProgram(): Command {
  const program = new Command('halfmonth')
    .description('Closes usage-billing periods: what an operator does on a closing day, on AWS and on this machine.')
    .version(version())
    .exitOverride()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showSuggestionAfterError()
    .addHelpText('after', EPILOGUE);
  // Before the command as after it.
  withCommonOptions(program);

  command(program, 'send [FILE...]', 'Send events to be counted: NDJSON, CSV, or standard input', [
    'halfmonth send events.ndjson',
    'halfmonth send usage.csv --map id=row,subject=customer,time=at,meter=metric,quantity=amount --source crm',
    'zcat events.ndjson.gz | halfmonth send -',
  ])
    .option(
      '--map <columns>',
      'CSV: which column is which, as id=COLUMN,subject=COLUMN,time=...,meter=...,quantity=...',
    )
    .option('--source <source>', "CSV: the events' source, where no column has it")
    .option('--format <format>', 'ndjson or csv (default: by the ending of the name)')
    .option('--rate <events>', 'at most so many events a second', positive)
    .option('--resume', 'go on where an interrupted send of the same file stopped')
    .action(lazily(() => import('./commands/send.ts')));

  command(program, 'run [PERIOD]', 'Start a run, or show what one would do', [
    'halfmonth run 2026-11-H1 --follow',
    'halfmonth run 2026-11-H1 --preview',
    'halfmonth run 2026-11-H1 --client acme --client globex --yes',
  ])
    .option('--client <id>', 'only this client; may be repeated', collect)
    .option('--preview', 'write nothing and send nothing; show what a run would do')
    .option('--canary <packages>', 'send so many first and go on only when they are processed', positive)
    .option('--deadline <time>', 'warn when the forecast passes it (RFC 3339)')
    .option('--queue-wait <minutes>', 'how long to wait for events that are still in the queue, 0: not at all', minutes)
    .option('--follow', 'watch it until it ends')
    .addOption(yes())
    .action(lazily(() => import('./commands/run.ts')));

  command(program, 'watch [PERIOD|EXECUTION]', 'Follow a run to its end, also one that the schedule started', [
    'halfmonth watch',
    'halfmonth watch 2026-11-H1',
    'halfmonth watch 2026-11-H1-20261116T060000123Z',
  ]).action(lazily(() => import('./commands/watch.ts')));

  command(program, 'status [PERIOD]', 'How a period stands', [
    'halfmonth status',
    'halfmonth status 2026-11-H1 --json',
  ]).action(lazily(() => import('./commands/status.ts')));

  listing(program, 'periods', 'The half months of the last year, and what is open in each', [
    'halfmonth periods',
  ]).action(lazily(() => import('./commands/periods.ts'), FORMS.list));

  listing(program, 'packages [PERIOD]', 'List packages', ['halfmonth packages 2026-11-H1 --status parked,rejected'])
    .option(
      '--status <states>',
      'only these, with commas between: held, ready, sending, submitted, processed, rejected, parked',
    )
    .addOption(new Option('--state <states>', 'the same as --status').hideHelp())
    .option('--client <id>', 'only this client')
    .option('--limit <packages>', 'at most so many', positive, 1_000)
    .action(lazily(() => import('./commands/packages.ts'), FORMS.list));

  command(program, 'package <ID>', 'One package whole, with its last attempts and every decision', [
    'halfmonth package 2026-11-H1.acme',
  ]).action(lazily(() => import('./commands/package.ts')));

  command(program, 'explain <CLIENT> [PERIOD]', 'Why is a client not done? In plain words', [
    'halfmonth explain acme 2026-11-H1',
  ]).action(lazily(() => import('./commands/explain.ts')));

  listing(program, 'usage [CLIENT]', 'Usage per day and meter, today included; of all clients together without one', [
    'halfmonth usage acme --from 2026-11-01 --to 2026-11-15',
    'halfmonth usage --output csv > november.csv',
  ])
    .option('--from <day>', 'the first day (default: the first of this half month)')
    .option('--to <day>', 'the last day (default: today)')
    .action(lazily(() => import('./commands/usage.ts'), FORMS.list));

  command(program, 'evidence <CLIENT> <PERIOD>', "The very events behind a client's lines, and whether they add up", [
    'halfmonth evidence acme 2026-11-H1',
    'halfmonth evidence acme 2026-11-H1 --meter api_calls --out events.ndjson',
  ])
    .option('--meter <meter>', 'only this meter')
    .option('--out <file>', 'write all of them to a file, NDJSON, instead of showing the first')
    .action(lazily(() => import('./commands/evidence.ts')));

  command(program, 'correct <CLIENT> <PERIOD>', 'Take back what was counted and is wrong', [
    'halfmonth correct acme 2026-11-H1 --source /gateways/eu --id e-1 --preview',
    'halfmonth correct acme 2026-11-H1 --event event.json --reason "sent for the wrong client, ticket 4711"',
    'halfmonth correct acme 2026-11-H1 --meter api_calls --from 2026-11-03 --to 2026-11-04 --reason "load test"',
  ])
    .option('--source <source>', 'the source of the event that is wrong; needs --id and the archive')
    .option('--id <id>', 'its id')
    .option('--event <file>', 'the event that is wrong, as it was sent: JSON in a file')
    .option('--meter <meter>', 'all of this meter, of the days from --from to --to')
    .option('--from <day>', 'the first day that is wrong')
    .option('--to <day>', 'the last day that is wrong (default: the first)')
    .option('--reason <text>', 'why; kept with the period and in its certificate')
    .option('--preview', 'show the revision that would come of it, and send nothing')
    .addOption(yes())
    .action(lazily(() => import('./commands/correct.ts')));

  command(program, 'forget <CLIENT>', "Remove a client's events from the archive, for good; sums stay", [
    'halfmonth forget acme --reason "erasure asked for on 24 November"',
  ])
    .requiredOption('--reason <text>', 'why; kept with each period and in its certificates')
    .addOption(yes())
    .action(lazily(() => import('./commands/forget.ts')));

  listing(program, 'variance [PERIOD]', 'Clients and meters whose usage is unlike their own before', [
    'halfmonth variance 2026-11-H1',
  ])
    .option('--periods <number>', 'compare with so many closed periods, at most 24', positive, 6)
    .action(lazily(() => import('./commands/variance.ts'), FORMS.list));

  listing(program, 'late [PERIOD]', 'The ledger of late usage, and which of it is billed', [
    'halfmonth late 2026-11-H1',
  ])
    .option('--open', 'only what no package holds yet')
    .action(lazily(() => import('./commands/late.ts'), FORMS.list));

  listing(program, 'rejected', 'Events that could not count, with the reason', [
    'halfmonth rejected',
    'halfmonth rejected --reason INVALID_QUANTITY --replay',
    'halfmonth rejected --reason TOO_OLD --discard',
  ])
    .option('--reason <code>', 'only those with this reason')
    .option('--replay', 'send them to be counted again, after a fix')
    .option('--discard', 'remove them for good, when corrected events were sent or they are not to count')
    .option('--limit <messages>', 'look at no more than so many', positive, 1_000)
    .addOption(yes())
    .action(lazily(() => import('./commands/rejected.ts'), FORMS.list));

  command(program, 'approve <PERIOD>', 'Let packages be sent that a run holds', [
    'halfmonth approve 2026-11-H1 --client acme --reason "new data centre, ticket 4711"',
    'halfmonth approve 2026-11-H1 --reason "looked at all of them"',
  ])
    .option('--client <id>', 'only what is held of this client; may be repeated', collect)
    .requiredOption('--reason <text>', 'why; kept with the package and in the certificate')
    .addOption(yes())
    .action(lazily(() => import('./commands/approve.ts')));
  command(program, 'refuse <PERIOD>', 'Keep packages from being sent that a run holds: they are not billed', [
    'halfmonth refuse 2026-11-H1 --client acme --reason "test system counted as production"',
  ])
    .option('--client <id>', 'only what is held of this client; may be repeated', collect)
    .requiredOption('--reason <text>', 'why; kept with the package and in the certificate')
    .addOption(yes())
    .action(lazily(() => import('./commands/refuse.ts')));

  const parked = listing(program, 'parked [PERIOD]', 'Packages that wait for a person', [
    'halfmonth parked 2026-11-H1',
  ]).action(lazily(() => import('./commands/parked.ts'), FORMS.list));
  command(parked, 'release [ID...]', 'Send parked or rejected packages again', [
    'halfmonth parked release 2026-11-H1.acme --reason "API mended, ticket 4711"',
    'halfmonth parked release --rejected 2026-11-H1 --new-key --reason "customers are registered now"',
  ])
    .option('--rejected <period>', 'all that the API rejected in this period; given up ones are released by their ids')
    .option(
      '--new-key',
      'under a new key, for an API that answers the old one as before; may bill twice what it has taken',
    )
    .requiredOption('--reason <text>', 'why; kept with the package')
    .addOption(yes())
    .action(lazily(() => import('./commands/parked-release.ts')));
  command(parked, 'give-up <ID...>', 'Give packages up that are not under way: they are not billed', [
    'halfmonth parked give-up 2026-11-H1.acme --reason "test client"',
  ])
    .requiredOption('--reason <text>', 'why; kept with the package')
    .addOption(yes())
    .action(lazily(() => import('./commands/parked-give-up.ts')));

  listing(program, 'executions', 'The executions of the state machine', ['halfmonth executions --limit 5'])
    .option('--limit <executions>', 'at most so many', positive, 20)
    .action(lazily(() => import('./commands/executions.ts'), FORMS.list));
  command(program, 'execution <EXECUTION>', "One execution's history in plain words", [
    'halfmonth execution 2026-11-H1-20261116T060000123Z',
  ]).action(lazily(() => import('./commands/execution.ts')));
  command(program, 'redrive <EXECUTION>', 'Let a failed execution go on where it failed', [
    'halfmonth redrive 2026-11-H1-20261116T060000123Z',
  ])
    .addOption(yes())
    .action(lazily(() => import('./commands/redrive.ts')));
  command(program, 'stop <EXECUTION>', 'Stop an execution; another run or a redrive goes on from there', [
    'halfmonth stop 2026-11-H1-20261116T060000123Z --reason "wrong token"',
  ])
    .option('--reason <text>', 'why; kept with the execution')
    .addOption(yes())
    .action(lazily(() => import('./commands/stop.ts')));

  command(program, 'quota', 'The quota calendar as a picture: booked, free, blocked', [
    'halfmonth quota',
    'halfmonth quota --unblock --reason "their support has lifted it"',
  ])
    .option('--unblock', 'go on although the invoice API asked everybody to stay away; needs --reason')
    .option('--reason <text>', 'why; kept with the calendar')
    .addOption(yes())
    .action(lazily(() => import('./commands/quota.ts')));

  command(program, 'restore <TABLE>', 'Make a table hold what another one holds that was restored beside it', [
    'halfmonth restore packages --from halfmonth-prod-packages-20261120 --to 2026-11-20T10:00:00Z --reason "a bad script"',
  ])
    .requiredOption('--from <table>', 'the table that was restored beside it; it is only read')
    .requiredOption('--to <moment>', 'the moment that it was restored to, such as 2026-11-20T10:00:00Z')
    .requiredOption('--reason <text>', 'why; kept with who did it')
    .addOption(yes())
    .action(lazily(() => import('./commands/restore.ts')));

  command(program, 'token', "Where the invoice API's token is kept; with --put a new one from standard input", [
    'halfmonth token',
    'halfmonth token --put < token.txt',
  ])
    .option('--put', 'replace it by what comes on standard input')
    .addOption(yes())
    .action(lazily(() => import('./commands/token.ts')));

  command(program, 'certificate [PERIOD]', 'Print, save or verify the closing certificate', [
    'halfmonth certificate 2026-11-H1',
    'halfmonth certificate 2026-11-H1 --save november-1.json',
    'halfmonth certificate 2026-11-H1 --verify november-1.json',
    'halfmonth certificate --save-key key.pem',
    'halfmonth certificate --verify november-1.json --key key.pem',
  ])
    .option('--run <id>', 'of this run (default: the latest)')
    .option('--save <file>', 'write it to a file')
    .option('--verify [file]', 'recompute it from the tables and the API, and hold it (or a saved copy) against that')
    .option('--without-api', 'verify without asking the API')
    .option('--key <file>', 'verify a saved copy against this public key alone, with no access to anything')
    .option('--save-key <file>', 'write the public key of this stage to a file, to give to those who verify')
    .action(lazily(() => import('./commands/certificate.ts')));

  const clients = listing(
    program,
    'clients [PERIOD]',
    'The clients of a period: usage, packages, who they are at the API',
    ['halfmonth clients 2026-11-H1 --sort=-events --columns client,events,packages'],
  )
    .option('--limit <clients>', 'at most so many', positive, 1_000)
    .action(lazily(() => import('./commands/clients.ts'), FORMS.list));
  listing(clients, 'customers', 'Who all clients are at the invoice API, for stages with an adapter', [
    'halfmonth clients customers --stage prod',
  ]).action(lazily(() => import('./commands/clients-customers.ts'), FORMS.list));
  command(clients, 'import <FILE>', 'Say it from a CSV file with the columns clientId and customer', [
    'halfmonth clients import clients.csv --stage prod',
  ]).action(lazily(() => import('./commands/clients-import.ts')));
  command(clients, 'set <CLIENT>', 'Say it of one client', ['halfmonth clients set acme --customer cus_NffrFeUfNV2Hib'])
    .requiredOption('--customer <name>', "the client's name or id there")
    .action(lazily(() => import('./commands/clients-set.ts')));

  const meters = listing(program, 'meters', 'What is known of meters: kinds, units, bounds', [
    'halfmonth meters --sort kind',
  ]).action(lazily(() => import('./commands/meters.ts'), FORMS.list));
  command(meters, 'show <METER>', 'One meter, and all that was registered of it before', [
    'halfmonth meters show seats',
  ]).action(lazily(() => import('./commands/meters-show.ts')));
  command(meters, 'set <METER>', 'Register a meter, or change what is known of it', [
    'halfmonth meters set api_calls --unit calls --sign notNegative --decimals 0',
    'halfmonth meters set seats --kind maximum --unit seats',
    'halfmonth meters set seats --maximum 10000 --active-until 2026-12-31',
    'halfmonth meters set seats --without maximum,activeUntil',
  ])
    .addOption(
      new Option('--kind <kind>', 'how events make a quantity (default: sum)').choices([
        'sum',
        'count',
        'maximum',
        'latest',
      ]),
    )
    .option('--unit <unit>', 'what the quantity is of, in words; stands on package lines')
    .addOption(new Option('--sign <sign>', 'whether usage may be taken back').choices(['any', 'notNegative']))
    .option('--minimum <quantity>', "an event's quantity is at least this")
    .option('--maximum <quantity>', "an event's quantity is at most this")
    .option('--decimals <digits>', "an event's quantity has so many digits after the point at most, 0 to 12", digits)
    .option('--active-from <day>', 'the first day on which it counts')
    .option('--active-until <day>', 'the last day on which it counts')
    .option('--without <fields>', 'what is not to hold any more, such as maximum,unit', separated)
    .action(lazily(() => import('./commands/meters-set.ts')));
  command(meters, 'import <FILE>', 'Register the meters of a file that is kept with the settings', [
    'halfmonth meters import config/prod.meters.yml --stage prod',
  ]).action(lazily(() => import('./commands/meters-import.ts')));

  listing(program, 'reconcile <PERIOD>', 'Hold our books against all that the API holds for a period', [
    'halfmonth reconcile 2026-11-H1',
  ]).action(lazily(() => import('./commands/reconcile.ts'), FORMS.list));

  command(program, 'export <PERIOD>', 'Days or packages for a spreadsheet', [
    'halfmonth export 2026-11-H1 > november-1.csv',
    'halfmonth export 2026-11-H1 --of packages --output jsonl --file november-1.jsonl',
  ])
    .addOption(new Option('--of <what>', 'what').choices(['days', 'packages']).default('days'))
    .option('--file <file>', 'into this file (default: standard output)')
    .action(lazily(() => import('./commands/export.ts'), FORMS.file));

  command(program, 'doctor', 'Look whether all is in order, without sending anything', [
    'halfmonth doctor --stage prod',
    'halfmonth doctor --ring --stage prod',
  ])
    .option('--ring', 'set an alarm off that means nothing, and see whether it reaches those who listen')
    .action(lazily(() => import('./commands/doctor.ts')));

  command(program, 'check-api', 'Try what billing relies on against the invoice API, and say what holds', [
    'halfmonth check-api --stage dev',
    'halfmonth check-api --stage dev --client acme',
  ])
    .option('--client <id>', 'with an adapter: whose customer the two small packages are for')
    .addOption(yes())
    .action(lazily(() => import('./commands/check-api.ts')));

  command(program, 'console [WHAT]', 'Look at periods, packages and runs in a browser, on this machine alone', [
    'halfmonth console',
    'halfmonth open 2026-11-H1.acme',
    'halfmonth console --stage prod --allow-changes',
  ])
    .alias('open')
    .option('--port <port>', 'serve it there (default: any free port)', positive)
    .option('--no-open', 'print the address only')
    .option('--allow-changes', 'offer releases, redrives and runs too, each with a question')
    .action(lazily(() => import('./commands/console.ts')));

  program
    .command('completion <SHELL>')
    .description('The script that completes commands in bash, zsh or fish')
    .addHelpText('after', '\nExample:\n  source <(halfmonth completion bash)')
    .action(async (shell: string) => {
      const { completionScript } = await import('./completion.ts');
      console.log(completionScript(shell, program));
    });
  return program;
}

/** A command with the options that all have, and its examples. */
function command(parent: Command, form: string, description: string, examples: string[]): Command {
  const [word = ''] = form.split(' ');
  const name = parent.parent === null ? word : `${parent.name()} ${word}`;
  return withCommonOptions(
    parent.command(form).showHelpAfterError(`See: npx halfmonth ${name} --help`).description(description),
  ).addHelpText(
    'after',
    `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.map((line) => `  ${line}`).join('\n')}${meaningOf(form)}`,
  );
}

/** The options that every command takes. */
function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'one JSON object on standard output: the same as --output json')
    .option('--output <form>', 'table, json, or csv where it is a list')
    .option('--local', 'the local cloud that runs on this machine (the default when it does)')
    .option('--stage <stage>', 'a stage on AWS, found by its stack halfmonth-STAGE (default: HALFMONTH_STAGE)')
    .option('--region <region>', 'the AWS region of the stage')
    .option('--profile <profile>', 'the AWS profile to sign in with');
}

/** What the arguments of a command's form are, where that cannot be guessed. */
function meaningOf(form: string): string {
  const meanings = [
    ...(form.includes('PERIOD') ? ['PERIOD is 2026-11-H1 (the 1st to the 15th) or 2026-11-H2 (the rest).'] : []),
    ...(form.includes('[PERIOD]')
      ? [WITHOUT_PERIOD[form.split(' ')[0] ?? ''] ?? 'Without one, the last that has ended is meant.']
      : []),
    ...(/[<[]ID/.test(form) ? ['ID is the period and the client, as "halfmonth packages" lists them.'] : []),
    ...(form.includes('WHAT') ? ['WHAT is a period, a package, an execution or a client: its page is opened.'] : []),
    ...(form.includes('EXECUTION') ? ['EXECUTION is a name or an ARN, as "halfmonth executions" lists them.'] : []),
  ];
  return meanings.length > 0 ? `\n\n${meanings.join('\n')}` : '';
}

/** A command whose answer is a list. */
function listing(parent: Command, form: string, description: string, examples: string[]): Command {
  return command(parent, form, description, examples)
    .option('--columns <names>', 'only these columns of the table, in this order, with commas between', separated)
    .option('--sort <column>', 'by this column; with - before it the greatest first, as in --sort=-quantity');
}

/** Loads a command when it is called, and hands it its context, arguments and options. */
function lazily(load: () => Promise<CommandModule>, forms: readonly OutputForm[] = FORMS.words) {
  return async (...given: unknown[]): Promise<void> => {
    // Commander calls an action with the arguments, the options, and the command.
    const called = given.pop() as Command;
    given.pop();
    const options = called.optsWithGlobals<CommonOptions>();
    const { form, wish } = formOf(options, forms);
    const { run } = await load();
    // Each command declares the arguments and options that it is given above.
    const exitCode = await run(new Context(options, new Output(form, wish)), ...([...given, options] as never[]));
    if (exitCode) process.exitCode = exitCode;
  };
}

function yes(): Option {
  return new Option('-y, --yes', 'do it without asking');
}

function separated(value: string): string[] {
  return value.split(',');
}

function digits(value: string): number {
  if (!/^\d{1,2}$/.test(value) || Number(value) > 12) {
    throw new InvalidArgumentError('It must be a whole number from 0 to 12.');
  }
  return Number(value);
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function positive(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(value);
}

function minutes(value: string): number {
  if (!/^\d{1,4}$/.test(value) || Number(value) > 1440) {
    throw new InvalidArgumentError('It must be a whole number of minutes from 0 to 1440.');
  }
  return Number(value);
}

function version(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // Our own package.json has a version.
  return (JSON.parse(file) as { version: string }).version;
}
