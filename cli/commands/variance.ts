import { LONGEST_LOOK_BACK_PERIODS } from '../../lib/runs/closed-periods.ts';
import type { Context } from '../connection/context.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { type ClientVariance, varianceOfPeriod } from '../periods/period-variance.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

const CLIENTS_BETWEEN_WORDS = 100;

/** Names the clients and meters whose usage in a period is unlike that of their own periods before. */
export async function run(
  context: Context,
  given: string | undefined,
  { periods }: { periods: number },
): Promise<ExitCode> {
  if (periods > LONGEST_LOOK_BACK_PERIODS)
    throw new WrongUsage(`--periods ${periods}: at most ${LONGEST_LOOK_BACK_PERIODS}, which are a year.`);
  const cloud = await context.cloud();
  const { output } = context;
  const period = periodOrLast(given, cloud, output);
  const { before, clients, variances } = await varianceOfPeriod(cloud.tables, period, periods, (read) => {
    if (output.isLive && read % CLIENTS_BETWEEN_WORDS === 0) void output.live([`${plural(read, 'client')} read.`], '');
  });
  output.clearLive();
  output.result({ command: 'variance', target: cloud.target, period: period.id, before, clients, variances });
  if (before.length === 0) {
    output.line(`No period before ${period.id} is closed: there is nothing to compare it with.`);
    return EXIT.done;
  }
  output.table(
    [
      { heading: 'client' },
      { heading: 'meter' },
      { heading: 'what' },
      { heading: 'quantity', align: 'right' },
      { heading: 'median', align: 'right' },
      { heading: 'usual' },
    ],
    variances.map(rowOf),
  );
  const compared = `${plural(clients, 'client')} compared with ${before.join(', ')}`;
  output.line(
    variances.length === 0 ? `${compared}: all as usual.` : `${compared}: ${variances.length} unlike before.`,
  );
  return variances.length === 0 ? EXIT.done : EXIT.foundProblem;
}

function rowOf({ clientId, meter = '', kind, quantity = '', median = '', usual }: ClientVariance): string[] {
  return [clientId, meter, kind, quantity, median, usual ? `${usual.from} to ${usual.to}` : ''];
}
