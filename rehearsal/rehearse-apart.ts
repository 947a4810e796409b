import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { RehearsalResult } from './rehearsal.ts';

/**
 * Rehearses in a process of its own, whose time is virtual.
 * @param options of `npm run rehearse`, which speaks JSON here
 * @param folder where the sources are; this one without
 * @throws Error when the process said something that is no result
 */
export async function rehearseApart(options: readonly string[], folder = '.'): Promise<RehearsalResult[]> {
  const program = ['--import', './rehearsal/time/main.ts', 'rehearsal/rehearse.ts', '--json', ...options];
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', ...program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = (await text(child.stdout)).trim();
  try {
    return said.split('\n').map((line): RehearsalResult => JSON.parse(line));
  } catch (error) {
    throw new Error(`a rehearsal of ${options.join(' ')} ended without a result: ${said}`, { cause: error });
  }
}
