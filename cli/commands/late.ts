import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { measureOf } from '../../lib/meters/measure.ts';
import { type Period, periodOf } from '../../lib/periods/periods.ts';
import { LateLedger, type LateLine } from '../../lib/store/late-ledger.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { openPeriods } from '../periods/open-periods.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { command } from '../terminal/next-command.ts';
import { plural, totalsWords } from '../terminal/words.ts';

/** Lists every event that was counted after its period's close, and whether it is billed. */
export async function run(
  context: Context,
  given: string | undefined,
  options: { open?: boolean },
): Promise<undefined> {
  const { output } = context;
  const cloud = await context.cloud();
  const periods = given === undefined ? await periodsWithLateUsage(context, cloud) : [periodOf(given)];
  const ledger = new LateLedger(cloud.tables);
  const events: (LateLine & { period: string })[] = [];
  const open = [];
  for (const { id } of periods) {
    for await (const line of ledger.lines(id)) if (!options.open || !line.billed) events.push({ period: id, ...line });
    open.push({ period: id, ...(await ledger.notYetBilled(id)) });
  }
  output.result({
    command: 'late',
    target: cloud.target,
    period: periods.length === 1 ? periods[0]?.id : null,
    events,
    notYetBilled: sumOf(open),
  });
  output.table(
    [
      ...(periods.length > 1 ? [{ heading: 'period' }] : []),
      { heading: 'client' },
      { heading: 'meter' },
      { heading: 'quantity', align: 'right' as const },
      { heading: 'counted at' },
      { heading: 'billed' },
    ],
    events.map(({ period, clientId, meter, kind, quantity, countedAt, billed }) => [
      ...(periods.length > 1 ? [period] : []),
      clientId,
      measureOf(meter, kind),
      quantity,
      countedAt,
      billed ? (billed.revision > 0 ? `revision ${billed.revision}` : 'cancelled out') : 'open',
    ]),
  );
  for (const { period, events: count, totals } of open) {
    output.line(
      count === 0
        ? `No late usage of ${period} is unbilled.`
        : `${period}: ${plural(count, 'event')} not yet billed: ${totalsWords(totals)}. The next run sends corrections: ` +
            `${command('run')} ${period}`,
    );
  }
}

/** Those that the alarm is about; where there is none, the last that has ended, for its ledger. */
async function periodsWithLateUsage({ output }: Context, cloud: Cloud): Promise<Period[]> {
  const late = (await openPeriods(cloud)).filter(({ lateEventsNotYetBilled }) => lateEventsNotYetBilled > 0);
  return late.length > 0 ? late.map(({ period }) => period) : [periodOrLast(undefined, cloud, output)];
}

/** What is not yet billed of all the periods together. */
function sumOf(open: readonly { events: number; totals: Record<string, string> }[]) {
  const sums = open.reduce((all, { totals }) => all.addAll(totals), new MeterSums());
  return {
    events: open.reduce((sum, { events }) => sum + events, 0),
    totals: sums.totalsWithZeros(),
  };
}
