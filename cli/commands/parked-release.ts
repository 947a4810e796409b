import { isRejectedByApi, released } from '../../lib/packages/head-changes.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { Context } from '../connection/context.ts';
import { decideParked } from '../packages/parked-packages.ts';
import { WrongUsage } from '../terminal/errors.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

/**
 * Lets parked and rejected packages be sent again with new attempts: under the same key, unless a person asks for a new
 * one.
 */
export function run(
  context: Context,
  ids: string[],
  options: { reason: string; rejected?: string; newKey?: boolean },
): Promise<ExitCode> {
  if (ids.length === 0 && options.rejected === undefined)
    throw new WrongUsage('Which packages? Name their ids, or all rejected ones of a period: --rejected 2026-11-H1.');
  const isNewKey = options.newKey === true;
  return decideParked(context, {
    command: 'parked release',
    ids,
    allRejectedOf: options.rejected,
    states: ['parked', 'rejected'],
    reason: options.reason,
    question: (heads) => question(heads, isNewKey),
    kind: 'release',
    transition: (head, decision, now) => released(head, decision, now, isNewKey),
    done: 'released',
  });
}

function question(heads: readonly PackageHead[], isNewKey: boolean): string {
  const rejected = heads.filter(isRejectedByApi).length;
  const givenUp = heads.filter((head) => head.state === 'rejected').length - rejected;
  const sent = heads.filter(({ everSent }) => everSent).length;
  const told = [
    ...(rejected > 0 ? [`${rejected} of them rejected by the API`] : []),
    ...(givenUp > 0 ? [`${givenUp} of them given up before: they will be billed`] : []),
  ];
  const risk =
    isNewKey && sent > 0
      ? ` Under a new key nothing keeps the API from billing what it has already taken: ${sent} of them may have reached it. ` +
        'Make sure first that it billed none of them.'
      : '';
  const how = isNewKey ? 'again under a new key' : 'again';
  return `Send ${plural(heads.length, 'package')} ${how}${told.length > 0 ? ` (${told.join('; ')})` : ''}?${risk}`;
}
