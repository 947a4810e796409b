import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import type { Day } from '../../lib/periods/days.ts';
import { nextPeriod, type Period, periodIdOfDay, periodOf } from '../../lib/periods/periods.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { readClientId } from '../packages/package-id.ts';
import { WrongUsage } from '../terminal/errors.ts';

interface UsageDay {
  day: Day;
  events: number;
  totals: MeterTotals;
}

/** Shows a client's usage per day and meter, today included. */
export async function run(
  context: Context,
  given: string,
  options: { from?: string; to?: string },
): Promise<undefined> {
  const clientId = readClientId(given);
  const cloud = await context.cloud();
  const today = cloud.calendar.dayOf(Date.now());
  const to = readDay(options.to ?? today);
  const from = readDay(options.from ?? periodOf(periodIdOfDay(to)).from);
  if (from > to) throw new WrongUsage(`--from ${from} is after --to ${to}.`);
  const days = (await usageOf(cloud, clientId, from, to)).filter(({ day }) => day >= from && day <= to);
  const totals = days.reduce((sums, each) => sums.addAll(each.totals), new MeterSums()).totals();
  const events = days.reduce((sum, each) => sum + each.events, 0);
  context.output.result({ command: 'usage', target: cloud.target, clientId, from, to, days, totals, events });
  context.output.table(
    [{ heading: 'day' }, { heading: 'meter' }, { heading: 'quantity', align: 'right' }],
    [
      ...days.flatMap((each) => Object.entries(each.totals).map(([meter, quantity]) => [each.day, meter, quantity])),
      ...Object.entries(totals).map(([meter, quantity]) => ['total', meter, quantity]),
    ],
  );
  context.output.line(`${events} events on ${days.length} days, ${from} to ${to}`);
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
