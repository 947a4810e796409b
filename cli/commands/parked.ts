import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { periodOrLast } from '../period-of.ts';
import { plural } from '../words.ts';
import { packagesOf } from './packages.ts';

/** Lists the packages that wait for a person, with why. */
export async function run(context: Context, given: string | undefined): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const period = periodOrLast(given, cloud, output);
  const packages = [];
  for await (const head of packagesOf(cloud, period, ['parked'])) {
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
  output.result({ command: 'parked', target: cloud.target, period: period.id, packages });
  for (const { packageId, attemptCount, reason } of packages) {
    output.line(`${output.style('bold', packageId)}  ${plural(attemptCount, 'attempt')}`);
    output.line(`  ${reason}`);
  }
  if (packages.length === 0) {
    output.line(`No package of ${period.id} is parked.`);
    return EXIT.done;
  }
  output.line(
    `${plural(packages.length, 'package')} parked. When the cause is mended: npx halfmonth parked release ID... --reason TEXT`,
  );
  return EXIT.foundProblem;
}
