import { refused } from '../../lib/packages/head-changes.ts';
import { decideHeld } from '../approvals/decide-held.ts';
import type { Context } from '../connection/context.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';

/** Keeps held packages from being sent: they are not billed as they are. */
export function run(
  context: Context,
  periodId: string,
  { client = [], reason }: { client?: string[]; reason: string },
): Promise<ExitCode> {
  return decideHeld(context, {
    kind: 'refuse',
    periodId,
    clients: client,
    reason,
    question: (packages) => `Refuse ${packages}? They are not billed until their usage changes or somebody recalls it.`,
    transition: refused,
    done: 'refused',
  });
}
