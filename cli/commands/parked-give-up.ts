import { givenUp } from '../../lib/packages/head-changes.ts';
import type { Context } from '../connection/context.ts';
import { decideParked } from '../packages/parked-packages.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

/** Gives packages up that are not under way: the revision is not sent any more, and not billed. */
export function run(context: Context, ids: string[], options: { reason: string }): Promise<ExitCode> {
  return decideParked(context, {
    command: 'parked give-up',
    ids,
    states: ['parked', 'ready'],
    reason: options.reason,
    question: (heads) => {
      const sent = heads.filter(({ everSent }) => everSent).length;
      const warning = sent > 0 ? ` ${sent} of them may have reached the API: reconcile first.` : '';
      return `Give up ${plural(heads.length, 'package')}? They will not be billed.${warning}`;
    },
    kind: 'give-up',
    transition: givenUp,
    done: 'given up',
  });
}
