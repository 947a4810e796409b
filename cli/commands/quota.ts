import { liftBlock } from '../../lib/quota/calendar.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import type { Context } from '../connection/context.ts';
import { blockOf, blockWords, type CalendarPicture, pictureOf } from '../invoice-api/calendar-picture.ts';
import { bar } from '../terminal/bar.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { durationWords, timeWords } from '../terminal/words.ts';

const CELLS = 60;
const SIGNS = { free: '·', booked: '█', blocked: '×', spent: '▒' } as const;

/** What a person may want of the calendar. */
export interface QuotaOptions {
  unblock?: boolean;
  reason?: string;
}

/** Draws the quota calendar: how full each window is, and the next minutes and hours; or lifts a block. */
export async function run(context: Context, { unblock, reason }: QuotaOptions = {}): Promise<ExitCode | undefined> {
  if (unblock) return lift(context, reason);
  if (reason !== undefined) throw new WrongUsage('--reason is for --unblock.');
  const cloud = await context.cloud();
  const { output } = context;
  const calendar = await new QuotaCalendarStore(cloud.tables, 'invoice-api').load();
  const now = Date.now();
  const laid = (cellMilliseconds: number) => pictureOf(calendar, cloud.quota, { now, cells: CELLS, cellMilliseconds });
  const minutes = laid(10_000);
  const hours = laid(24 * 60_000);
  const { windows, blockedUntil = null, blockedBy = null, sending = null } = minutes;
  output.result({
    command: 'quota',
    target: cloud.target,
    now,
    windows,
    blockedUntil,
    blockedBy,
    lifted: calendar.lifted ?? null,
    sending,
    nextTenMinutes: minutes.cells,
    nextDay: hours.cells,
  });
  if (windows.length === 0) output.line('The invoice API has no quota here.');
  for (const { kinds, requests, seconds, used, freesAt } of windows) {
    const frees = used >= requests && freesAt ? `, frees in ${durationWords(freesAt - now)}` : '';
    const name = `${kinds.join(' and ')} in ${durationWords(seconds * 1000)}`.padEnd(28);
    output.line(`${name}${bar(used / requests, 30)} ${used} of ${requests} used${frees}`);
  }
  if (sending)
    output.line(`sending    up to ${sending.requests} requests (${sending.kind}) until ${timeWords(sending.until)}`);
  if (minutes.blockedUntil !== undefined) {
    const { blockedUntil: until, blockedBy: by } = minutes;
    output.line(
      output.style('red', `blocked    ${blockWords({ blockedUntil: until, ...(by ? { blockedBy: by } : {}) })}`),
    );
    output.line(`           To go on before that: ${command('quota')} --unblock --reason TEXT`);
  }
  output.line(`next 10 minutes  ${strip(minutes)}`);
  output.line(`next 24 hours    ${strip(hours)}`);
  output.line(
    `                 ${SIGNS.booked} booked  ${SIGNS.free} free  ${SIGNS.spent} quota spent  ${SIGNS.blocked} blocked`,
  );
}

/** A block ends before its time: some APIs shut a caller out for longer when it is ignored, so a person decides. */
async function lift(context: Context, given = ''): Promise<ExitCode> {
  const reason = given.trim();
  if (reason === '') throw new WrongUsage('--unblock needs --reason TEXT: it is kept with the calendar.');
  const cloud = await context.cloud();
  const { output } = context;
  const store = new QuotaCalendarStore(cloud.tables, 'invoice-api');
  const { blockedUntil, blockedBy } = blockOf(await store.load(), Date.now());
  if (blockedUntil === undefined) {
    throw new CommandFailed(
      'NOT_BLOCKED',
      'Nobody is asked to stay away from the invoice API: there is nothing to lift.',
    );
  }
  const words = blockWords({ blockedUntil, ...(blockedBy === undefined ? {} : { blockedBy }) });
  if (!(await context.confirm(`Lift the block ${words}? Some APIs block for longer when they are asked too early.`))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const by = await cloud.intervene({ kind: 'unblock', subjects: new Map([[undefined, []]]), reason });
  await store.change((calendar) => ({ calendar: liftBlock(calendar, { reason, by }, Date.now()) }));
  output.result({ command: 'quota', target: cloud.target, unblocked: { blockedUntil, blockedBy, reason, by } });
  output.line('The block is lifted. Runs look every quarter of an hour at the latest, and go on then.');
  return EXIT.done;
}

function strip({ cells }: CalendarPicture): string {
  return cells.map(({ state }) => SIGNS[state]).join('');
}
