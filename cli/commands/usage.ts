import { totalsOfLines } from '../../lib/certificate/kept-document.ts';
import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { linesOf } from '../../lib/packages/document.ts';
import type { Day } from '../../lib/periods/days.ts';
import { nextPeriod, type Period, periodIdOfDay, periodOf } from '../../lib/periods/periods.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import { clientsOfPeriod } from '../clients/period-clients.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { readClientId } from '../packages/package-id.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { plural } from '../terminal/words.ts';

const CLIENTS_BETWEEN_WORDS = 100;

interface UsageDay {
  day: Day;
  events: number;
  totals: MeterTotals;
}

/** Shows usage per day and meter, today included: of one client, or of all together. */
export async function run(
  context: Context,
  given: string | undefined,
  options: { from?: string; to?: string },
): Promise<undefined> {
  const { output } = context;
  const clientId = given === undefined ? null : readClientId(given);
  const cloud = await context.cloud();
  const today = cloud.calendar.dayOf(Date.now());
  const to = readDay(options.to ?? today);
  const from = readDay(options.from ?? periodOf(periodIdOfDay(to)).from);
  if (from > to) throw new WrongUsage(`--from ${from} is after --to ${to}.`);
  const { clients, days, totals } =
    clientId === null
      ? await usageOfAll(cloud, from, to, (read) => {
          if (output.isLive && read % CLIENTS_BETWEEN_WORDS === 0)
            void output.live([`${plural(read, 'client')} read.`], '');
        })
      : await usageOfOne(cloud, clientId, from, to);
  output.clearLive();
  const events = days.reduce((sum, each) => sum + each.events, 0);
  output.result({ command: 'usage', target: cloud.target, clientId, clients, from, to, days, totals, events });
  output.table(
    [{ heading: 'day' }, { heading: 'meter' }, { heading: 'quantity', align: 'right' }],
    days.flatMap((each) => Object.entries(each.totals).map(([meter, quantity]) => [each.day, meter, quantity])),
  );
  const whose = clientId === null ? ` of ${plural(clients, 'client')}` : '';
  output.line(`${plural(events, 'event')}${whose} on ${plural(days.length, 'day')}, ${from} to ${to}`);
  for (const [meter, quantity] of Object.entries(totals)) output.line(`total      ${meter} ${quantity}`);
}

/** What was used in a stretch of days: by day, and in all of its periods together, each meter by its kind. */
interface UsedInDays {
  clients: number;
  days: UsageDay[];
  totals: MeterTotals;
}

async function usageOfOne(cloud: Cloud, clientId: string, from: Day, to: Day): Promise<UsedInDays> {
  const days = (await usageOf(cloud, clientId, from, to)).filter(({ day }) => day >= from && day <= to);
  const sums = new MeterSums();
  for (const ofPeriod of Map.groupBy(days, ({ day }) => periodIdOfDay(day)).values()) sums.addAll(totalsOf(ofPeriod));
  return { clients: 1, days, totals: sums.totals() };
}

/** What one client's days in one period come to. */
function totalsOf(days: readonly UsageDay[]): MeterTotals {
  return totalsOfLines(linesOf(days));
}

/** A client's usage by day, whatever periods the days are in. */
export async function usageOf(cloud: Cloud, clientId: string, from: Day, to: Day): Promise<UsageDay[]> {
  const days: UsageDay[] = [];
  for (const period of periodsBetween(from, to)) {
    const used = await readUsageSoFar(cloud.tables, clientId, period.id);
    days.push(...used.days.map(({ day, events, totals }) => ({ day, events, totals })));
  }
  return days;
}

/** The same of all clients together: reads what each has used in these periods, one client after the other. */
async function usageOfAll(cloud: Cloud, from: Day, to: Day, onRead: (clients: number) => void): Promise<UsedInDays> {
  const clients = new Set<string>();
  const days = new Map<Day, { events: number; sums: MeterSums }>();
  const all = new MeterSums();
  for (const { id } of periodsBetween(from, to)) {
    for await (const { usage } of clientsOfPeriod(cloud.tables, id)) {
      const used = usage.days.filter(({ day }) => day >= from && day <= to);
      all.addAll(totalsOf(used));
      for (const { day, events, totals } of used) {
        clients.add(usage.clientId);
        const sum = days.get(day) ?? { events: 0, sums: new MeterSums() };
        days.set(day, { events: sum.events + events, sums: sum.sums.addAll(totals) });
      }
      onRead(clients.size);
    }
  }
  const inOrder = [...days].sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    clients: clients.size,
    days: inOrder.map(([day, { events, sums }]) => ({ day, events, totals: sums.totals() })),
    totals: all.totals(),
  };
}

function periodsBetween(from: Day, to: Day): Period[] {
  const periods: Period[] = [];
  for (let period = periodOf(periodIdOfDay(from)); period.from <= to; period = nextPeriod(period.id))
    periods.push(period);
  return periods;
}

function readDay(text: string): Day {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
  if (!isDay || new Date(text).toISOString().slice(0, 10) !== text) {
    throw new WrongUsage(`"${text}" is not a day: write it as 2026-11-15.`);
  }
  return text;
}
