import type { Context } from '../connection/context.ts';
import { eachPeriod, standingOf, watchedPeriods } from '../periods/open-periods.ts';
import { command } from '../terminal/next-command.ts';

/** Lists the half months of the last year in which something was counted, the latest first, with what is open. */
export async function run(context: Context): Promise<undefined> {
  const { output } = context;
  const cloud = await context.cloud();
  const standings = await eachPeriod(watchedPeriods(cloud), (period) => standingOf(cloud, period));
  const periods = standings
    .filter(({ isUsed }) => isUsed)
    .map(({ period: { id, from, to }, isUsed: _isUsed, ...standing }) => ({ period: id, from, to, ...standing }));
  output.result({ command: 'periods', target: cloud.target, periods });
  output.table(
    [
      { heading: 'period' },
      { heading: 'closed' },
      { heading: 'parked', align: 'right' },
      { heading: 'rejected', align: 'right' },
      { heading: 'late events', align: 'right' },
    ],
    periods.map(({ period, lastClosedAt, packagesParked, packagesRejected, lateEventsNotYetBilled }) => [
      period,
      lastClosedAt ?? 'not yet',
      ...[packagesParked, packagesRejected, lateEventsNotYetBilled].map(String),
    ]),
  );
  if (periods.length === 0) output.line('Nothing was counted in a period that has ended.');
  else output.line(`One of them: ${command('status')} PERIOD`);
}
