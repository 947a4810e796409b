import { DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { restoredCalendar } from '../../lib/quota/calendar.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { type CopyCounts, makeLike } from '../../lib/store/table-copy.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';

/** The tables by the names that people use; whether packages and what was sent of them are in it. */
const TABLES = {
  'usage-slices': { output: 'UsageSlicesTableName', tellsOfSending: false },
  'daily-records': { output: 'DailyRecordsTableName', tellsOfSending: false },
  packages: { output: 'PackagesTableName', tellsOfSending: true },
  runs: { output: 'RunsTableName', tellsOfSending: true },
} as const;

interface RestoreOptions {
  from: string;
  /** RFC 3339: the moment that the other table was restored to. */
  to: string;
  reason: string;
}

/**
 * Makes a table of the stage hold what another one holds that was restored beside it. Neither is deleted. Where it
 * tells of sending, the quota is taken for spent, and senders ask the API for each package before they send it.
 */
export async function run(context: Context, name: string, options: RestoreOptions): Promise<ExitCode> {
  const { from } = options;
  const table = isTable(name) ? TABLES[name] : undefined;
  if (!table) throw new WrongUsage(`There is no table "${name}": ${Object.keys(TABLES).join(', ')}.`);
  const since = momentOf(options.to);
  const reason = options.reason.trim();
  if (reason === '') throw new WrongUsage('--reason says nothing: write why, it is kept.');
  const cloud = await context.cloud();
  const { output } = context;
  const copy = cloud.outputs[table.output];
  await assertFit(cloud, from, copy);
  await assertNoRun(cloud);
  const question =
    `Make ${copy} hold what ${from} holds, as of ${options.to}? What was written since is lost there; keep a backup. ` +
    'The schedule and the event source mapping have to be disabled.';
  if (!(await context.confirm(question))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  await cloud.intervene({ kind: 'restore', subjects: new Map([[undefined, [`${copy} from ${from}`]]]), reason });
  // Before as well: whatever ends this command, nobody sends as if nothing had happened.
  if (table.tellsOfSending) await rememberRestore(cloud, since);
  const counts = await makeLike(cloud.dynamodb, { source: from, copy }, (so) => {
    if (output.isLive) void output.live([countsWords(so)], '');
  });
  output.endLive();
  if (table.tellsOfSending) await rememberRestore(cloud, since);
  output.result({ command: 'restore', target: cloud.target, table: copy, from, to: options.to, ...counts });
  output.line(`${copy}: ${countsWords(counts)}. ${from} is as it was.`);
  output.line(`What the API holds that we do not know of: ${command('reconcile')} PERIOD`);
  return EXIT.done;
}

function isTable(name: string): name is keyof typeof TABLES {
  return Object.hasOwn(TABLES, name);
}

function momentOf(text: string): number {
  const moment = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(moment)) throw new WrongUsage(`--to "${text}" is no time such as 2026-11-20T10:00:00Z.`);
  if (moment > Date.now()) throw new WrongUsage(`--to ${text} is in the future.`);
  return moment;
}

/** @throws CommandFailed for a table that is not there, not ready, the same, or keyed otherwise */
async function assertFit(cloud: Cloud, from: string, copy: string): Promise<void> {
  if (from === copy) throw new WrongUsage(`${from} is the table of the stage itself: restore it under another name.`);
  const [one, other] = await Promise.all(
    [from, copy].map(async (TableName) => {
      const { Table } = await cloud.dynamodb.send(new DescribeTableCommand({ TableName }));
      return { status: Table?.TableStatus, keys: JSON.stringify(Table?.KeySchema), indexes: indexesOf(Table) };
    }),
  );
  if (one?.status !== 'ACTIVE')
    throw new CommandFailed('NOT_RESTORED', `${from} is ${one?.status?.toLowerCase()}: wait until it is active.`);
  if (one.keys !== other?.keys || one.indexes !== other.indexes)
    throw new CommandFailed(
      'OTHER_TABLE',
      `${from} has other keys or indexes than ${copy}: it was made of another one.`,
    );
}

function indexesOf(table: { GlobalSecondaryIndexes?: { IndexName?: string | undefined }[] | undefined } | undefined) {
  return (table?.GlobalSecondaryIndexes ?? [])
    .map(({ IndexName }) => IndexName)
    .sort()
    .join();
}

/** @throws CommandFailed while one is under way */
async function assertNoRun(cloud: Cloud): Promise<void> {
  const client = await cloud.stepFunctions();
  const stateMachineArn = cloud.outputs.BillingPeriodStateMachineArn;
  const { executions = [] } = await client.send(
    new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: 1 }),
  );
  const [running] = executions;
  if (running)
    throw new CommandFailed(
      'RUN_UNDER_WAY',
      `${running.name} is running and would write meanwhile: ${command('stop')} ${running.name}`,
    );
}

async function rememberRestore(cloud: Cloud, since: number): Promise<void> {
  const store = new QuotaCalendarStore(cloud.tables, 'invoice-api');
  await store.change((calendar) => ({
    calendar: restoredCalendar(calendar, cloud.quota, { at: Date.now(), since }),
  }));
}

function countsWords({ written, removed, kept }: CopyCounts): string {
  return `${written} items written, ${removed} removed, ${kept} left as they were`;
}
