import type { PackageHead } from '../../lib/packages/package.ts';
import { type Period, periodOf } from '../../lib/periods/periods.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { eachPeriod, mayBeParkedIn, watchedPeriods } from '../periods/open-periods.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { plural } from '../terminal/words.ts';
import { packagesOf } from './packages.ts';

/** Lists the packages that wait for a person, with why: of one period, or of all that the alarms look at. */
export async function run(context: Context, given: string | undefined): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const parked =
    given === undefined
      ? await eachPeriod(watchedPeriods(cloud), (period) => parkedIfAny(cloud, period))
      : [await parkedOf(cloud, periodOf(given))];
  const packages = [];
  for (const head of parked.flat()) {
    const { packageId, clientId, revision, submission, attemptCount, reason = '', attempts } = head;
    packages.push({
      packageId,
      clientId,
      revision,
      submission,
      attemptCount,
      reason,
      lastAttemptAt: attempts.at(-1)?.at,
    });
  }
  output.result({ command: 'parked', target: cloud.target, period: given ?? null, packages });
  output.table(
    [
      { heading: 'package' },
      { heading: 'attempts', align: 'right' },
      { heading: 'last attempt' },
      { heading: 'reason', isProse: true },
    ],
    packages.map(({ packageId, attemptCount, lastAttemptAt = '', reason }) => [
      packageId,
      String(attemptCount),
      lastAttemptAt,
      reason,
    ]),
  );
  if (packages.length === 0) {
    output.line(given === undefined ? 'No package is parked.' : `No package of ${given} is parked.`);
    return EXIT.done;
  }
  output.line(
    `${plural(packages.length, 'package')} parked. When the cause is mended: ${command('parked release')} ID... --reason TEXT`,
  );
  return EXIT.foundProblem;
}

async function parkedIfAny(cloud: Cloud, period: Period): Promise<PackageHead[]> {
  return (await mayBeParkedIn(cloud, period)) ? parkedOf(cloud, period) : [];
}

/** The packages of a period that wait for a person. */
export async function parkedOf(cloud: Cloud, period: Period): Promise<PackageHead[]> {
  const heads: PackageHead[] = [];
  for await (const head of packagesOf(cloud, period, ['parked'])) heads.push(head);
  return heads;
}
