import { periodOf } from '../../lib/periods/periods.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import type { Context } from '../connection/context.ts';
import { listedByApi } from '../invoice-api/api-listing.ts';
import { type Difference, type ReconciledHead, reconcile } from '../packages/reconcile.ts';
import { latestRun } from '../periods/period-status.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { plural } from '../terminal/words.ts';

const MEANING: Record<Difference['kind'], string> = {
  'missing-at-api': 'the API does not list it',
  'unknown-to-us': 'we have no such package',
  'listed-twice': 'the API lists it twice',
  'processed-only-here': 'processed in our books, not at the API',
  'processed-only-there': 'processed at the API, not in our books',
  'other-revision': 'another revision was processed',
  'other-content': 'the same revision with another content',
};

const UNDER_WAY = ['RUNNING', 'PENDING_REDRIVE'];

/** Holds our books against all that the API holds for a period, and names every difference. */
export async function run(context: Context, given: string): Promise<ExitCode> {
  const period = periodOf(given);
  const cloud = await context.cloud();
  const { output } = context;
  const run = await latestRun(cloud, period);
  const isRunning = run !== undefined && UNDER_WAY.includes(run.status);
  const theirs = await listedByApi(cloud, period.id, output);
  const ours: ReconciledHead[] = [];
  for await (const head of new PackageReader(cloud.tables).heads(period.id)) {
    const { packageId, state, revision, contentHash, lastProcessedRevision, everSent } = head;
    ours.push({ packageId, state, revision, contentHash, lastProcessedRevision, everSent });
  }
  const differences = reconcile(ours, theirs);
  output.result({
    command: 'reconcile',
    target: cloud.target,
    period: period.id,
    packages: { ours: ours.length, theirs: theirs.length },
    differences,
    isRunning,
  });
  output.table(
    [{ heading: 'package' }, { heading: 'what', isProse: true }, { heading: 'ours' }, { heading: 'theirs' }],
    differences.map((each) => [each.packageId, MEANING[each.kind], each.ours, each.theirs]),
  );
  if (isRunning) {
    output.line(
      output.style(
        'yellow',
        `The run ${run.runId} is under way: what it sends meanwhile may differ. Look again at its end: ${command('watch')} ${period.id}`,
      ),
    );
  }
  output.line(
    differences.length === 0
      ? output.style('green', `The books agree: ${plural(ours.length, 'package')} here, ${theirs.length} at the API.`)
      : output.style(
          'red',
          `${plural(differences.length, 'difference')} among ${plural(ours.length, 'package')} here and ${theirs.length} at the API.`,
        ),
  );
  return differences.length === 0 ? EXIT.done : EXIT.foundProblem;
}
