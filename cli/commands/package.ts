import type { PackageDocument } from '../../lib/packages/document.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import type { Context } from '../connection/context.ts';
import { attemptWords } from '../packages/explain-client.ts';
import { lineWords, signed } from '../packages/line-words.ts';
import { readPackageId } from '../packages/package-id.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { command } from '../terminal/next-command.ts';
import { plural } from '../terminal/words.ts';

/**
 * Shows one package whole: its state, its last attempts and every decision of a person, its revisions and the current
 * content.
 */
export async function run(context: Context, id: string): Promise<undefined> {
  const { periodId, clientId, part } = readPackageId(id);
  const cloud = await context.cloud();
  const { output } = context;
  const head = await new PackageStore(cloud.tables).loadHead(periodId, clientId, part);
  if (!head)
    throw new CommandFailed(
      'NO_PACKAGE',
      `There is no package ${id}. Why? ${command('explain')} ${clientId} ${periodId}`,
    );
  const kept = await new PackageReader(cloud.tables).revisionsOfClient(periodId, clientId);
  const revisions = kept
    .filter((revision) => revision.part === part)
    // Written by documentText, which made it from a PackageDocument.
    .map(({ revision, document, contentHash, runId, madeAt }) => {
      return { revision, document: JSON.parse(document) as PackageDocument, contentHash, runId, madeAt };
    });
  output.result({ command: 'package', target: cloud.target, head, revisions });

  output.line(`${output.style('bold', head.packageId)}  ${head.state}${head.reason ? `: ${head.reason}` : ''}`);
  output.line(
    `revision ${head.revision}, submission ${head.submission}, part ${head.part} of ${head.parts}, ` +
      `${plural(head.attemptCount, 'attempt')}, last processed revision ${head.lastProcessedRevision || 'none'}`,
  );
  if (head.remark !== undefined) output.line(output.style('yellow', `remark: ${head.remark}`));
  output.line();
  output.line(output.style('bold', 'last attempts, and every release and give-up'));
  for (const attempt of head.attempts) output.line(`  ${attemptWords(attempt)}`);
  if (head.attempts.length === 0) output.line('  none yet');
  output.line();
  const current = revisions.find(({ revision }) => revision === head.revision);
  output.table(
    [{ heading: 'meter' }, { heading: 'quantity', align: 'right' }, { heading: 'days', align: 'right' }],
    (current?.document.lines ?? []).map((line) => [lineWords(line), line.quantity, String(line.days.length)]),
  );
  for (const { document, revision, madeAt, runId } of revisions) {
    output.line();
    output.line(`${output.style('bold', `revision ${revision}`)}  made ${madeAt} by run ${runId}`);
    for (const line of document.difference?.lines ?? []) {
      output.line(`  ${lineWords(line)} ${signed(line.quantity)} since revision ${document.difference?.sinceRevision}`);
    }
  }
}
