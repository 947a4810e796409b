import { approved } from '../../lib/packages/head-changes.ts';
import { decideHeld } from '../approvals/decide-held.ts';
import type { Context } from '../connection/context.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';

/** Lets held packages be sent. */
export function run(
  context: Context,
  periodId: string,
  { client = [], reason }: { client?: string[]; reason: string },
): Promise<ExitCode> {
  return decideHeld(context, {
    kind: 'approve',
    periodId,
    clients: client,
    reason,
    question: (packages) => `Let ${packages} be sent?`,
    transition: approved,
    done: 'approved',
  });
}
