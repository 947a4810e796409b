import { ArchiveBucket } from '../../lib/archive/archive-bucket.ts';
import { archivedPeriods, type Forgotten, forgetClient } from '../../lib/archive/forget-client.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { ArchiveManifest } from '../../lib/store/archive-manifest.ts';
import type { Context } from '../connection/context.ts';
import { readClientId } from '../packages/package-id.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

/** Removes a client's events from the archive, for good; sums and packages stay. */
export async function run(context: Context, given: string, options: { reason: string }): Promise<ExitCode> {
  const clientId = readClientId(given);
  const cloud = await context.cloud();
  const archive = await cloud.archive();
  if (!archive)
    throw new CommandFailed('NO_ARCHIVE', `Stage ${cloud.target.name} keeps no archive: nothing to remove.`);
  const bucket = new ArchiveBucket(archive);
  const periods = await archivedPeriods(bucket);
  const { output } = context;
  const question =
    `Remove all events of ${clientId} from the archive, of ${plural(periods.size, 'period')}? They cannot be brought ` +
    'back: totals, packages and certificates stay, and nothing shows any more what they are made of.';
  if (periods.size > 0 && !(await context.confirm(question))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const subjects = new Map<PeriodId | undefined, string[]>([...periods.keys()].map((period) => [period, [clientId]]));
  await cloud.intervene({ kind: 'forget', subjects, reason: options.reason });
  const manifest = new ArchiveManifest(cloud.tables);
  const sum: Forgotten = { lines: 0, objects: 0, tooNew: 0 };
  const byPeriod: ({ period: PeriodId } & Forgotten)[] = [];
  for (const [period, objects] of periods) {
    const forgotten = await forgetClient(clientId, period, objects, { bucket, manifest, now: Date.now });
    byPeriod.push({ period, ...forgotten });
    sum.lines += forgotten.lines;
    sum.objects += forgotten.objects;
    sum.tooNew += forgotten.tooNew;
  }
  output.result({ command: 'forget', target: cloud.target, clientId, periods: byPeriod, ...sum });
  output.line(`${plural(sum.lines, 'event')} of ${clientId} removed from ${plural(sum.objects, 'object')}.`);
  if (sum.tooNew === 0) return EXIT.done;
  output.line(`${plural(sum.tooNew, 'object')} may still be about to be listed: call this again in an hour.`);
  return EXIT.foundProblem;
}
