import { randomUUID } from 'node:crypto';
import type { RequestKind } from './quota.ts';

/** Who takes a turn. */
export type TurnHolder = { runId: string } | { command: string };

/** Names the turns of one chunk of a run: `RUN/KIND/CHUNK`. The same id each time, so that booking again replaces. */
export function turnIdOfRun(runId: string, kind: RequestKind, chunk: string): string {
  return `${runId}/${kind}/${chunk}`;
}

/** Names the turns of one call of a command: `COMMAND/UUID`. No two calls have the same. */
export function turnIdOfCommand(command: string): string {
  return `${command}/${randomUUID()}`;
}

/** Whose turn an id is. */
export function holderOfTurn(id: string): TurnHolder {
  const [holder = '', ...rest] = id.split('/');
  return rest.length === 2 ? { runId: holder } : { command: holder };
}
