import { LateLedger, type LateLine } from '../../lib/store/late-ledger.ts';
import type { Context } from '../context.ts';
import { periodOrLast } from '../period-of.ts';
import { plural, totalsWords } from '../words.ts';

/** Lists every event that was counted after its period's close, and what became of it. */
export async function run(
  context: Context,
  given: string | undefined,
  options: { open?: boolean },
): Promise<undefined> {
  const cloud = await context.cloud();
  const period = periodOrLast(given, cloud, context.output);
  const ledger = new LateLedger(cloud.tables);
  const events: LateLine[] = [];
  for await (const line of ledger.lines(period.id)) if (!options.open || !line.billed) events.push(line);
  const notYetBilled = await ledger.notYetBilled(period.id);
  context.output.result({ command: 'late', target: cloud.target, period: period.id, events, notYetBilled });
  context.output.table(
    [
      { heading: 'client' },
      { heading: 'meter' },
      { heading: 'quantity', align: 'right' },
      { heading: 'counted at' },
      { heading: 'billed' },
    ],
    events.map(({ clientId, meter, quantity, countedAt, billed }) => [
      clientId,
      meter,
      quantity,
      countedAt,
      billed ? (billed.revision > 0 ? `revision ${billed.revision}` : 'cancelled out') : 'open',
    ]),
  );
  context.output.line(
    notYetBilled.events === 0
      ? `No late usage of ${period.id} is unbilled.`
      : `${plural(notYetBilled.events, 'event')} not yet billed: ${totalsWords(notYetBilled.totals)}. The next run sends ` +
          `corrections: npx halfmonth run ${period.id}`,
  );
}
