import type { PackageHead } from '../../lib/packages/package.ts';
import { isRejectedByApi, released } from '../../lib/sending/outcomes.ts';
import type { Context } from '../connection/context.ts';
import { decideParked } from '../packages/parked-packages.ts';
import { WrongUsage } from '../terminal/errors.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

/**
 * Lets parked and rejected packages be sent again with new attempts: under the same key, or under a new one what the API itself
 * rejected.
 */
export function run(
  context: Context,
  ids: string[],
  options: { reason: string; rejected?: string },
): Promise<ExitCode> {
  if (ids.length === 0 && options.rejected === undefined)
    throw new WrongUsage('Which packages? Name their ids, or all rejected ones of a period: --rejected 2026-11-H1.');
  return decideParked(context, {
    command: 'parked release',
    ids,
    allRejectedOf: options.rejected,
    states: ['parked', 'rejected'],
    reason: options.reason,
    question,
    transition: released,
    done: 'released',
  });
}

function question(heads: readonly PackageHead[]): string {
  const rejected = heads.filter(isRejectedByApi).length;
  const givenUp = heads.filter((head) => head.state === 'rejected').length - rejected;
  const told = [
    ...(rejected > 0 ? [`${rejected} of them rejected by the API, these under a new key`] : []),
    ...(givenUp > 0 ? [`${givenUp} of them given up before: they will be billed`] : []),
  ];
  return `Send ${plural(heads.length, 'package')} again${told.length > 0 ? ` (${told.join('; ')})` : ''}?`;
}
