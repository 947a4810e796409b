import { released } from '../../lib/sending/outcomes.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { decideParked } from '../parked-packages.ts';
import { plural } from '../words.ts';

/** Lets parked packages be sent again, under the same key, with new attempts. */
export function run(context: Context, ids: string[], options: { reason: string }): Promise<ExitCode> {
  return decideParked(context, {
    command: 'parked release',
    ids,
    reason: options.reason,
    question: (heads) => `Send ${plural(heads.length, 'parked package')} again?`,
    transition: released,
    done: 'released',
  });
}
