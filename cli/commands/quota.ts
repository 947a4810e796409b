import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import type { Context } from '../connection/context.ts';
import { type CalendarPicture, pictureOf } from '../invoice-api/calendar-picture.ts';
import { bar } from '../periods/period-status.ts';
import { durationWords, timeWords } from '../terminal/words.ts';

const CELLS = 60;
const SIGNS = { free: '·', booked: '█', blocked: '×', spent: '▒' } as const;

/** Draws the quota calendar: how full each window is, and the next minutes and hours. */
export async function run(context: Context): Promise<undefined> {
  const cloud = await context.cloud();
  const { output } = context;
  const calendar = await new QuotaCalendarStore(cloud.tables, 'invoice-api').load();
  const now = Date.now();
  const laid = (cellMilliseconds: number) => pictureOf(calendar, cloud.quota, { now, cells: CELLS, cellMilliseconds });
  const minutes = laid(10_000);
  const hours = laid(24 * 60_000);
  const { windows, blockedUntil = null, sending = null } = minutes;
  output.result({
    command: 'quota',
    target: cloud.target,
    now: timeWords(now),
    windows,
    blockedUntil,
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
  if (blockedUntil) output.line(output.style('red', `blocked    by the API until ${timeWords(blockedUntil)}`));
  output.line(`next 10 minutes  ${strip(minutes)}`);
  output.line(`next 24 hours    ${strip(hours)}`);
  output.line(
    `                 ${SIGNS.booked} booked  ${SIGNS.free} free  ${SIGNS.spent} quota spent  ${SIGNS.blocked} blocked`,
  );
}

function strip({ cells }: CalendarPicture): string {
  return cells.map(({ state }) => SIGNS[state]).join('');
}
