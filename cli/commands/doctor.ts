import type { Context } from '../connection/context.ts';
import { ringRehearsal } from '../periods/alarm-checks.ts';
import type { Health } from '../periods/health.ts';
import { CHECKS } from '../periods/health-checks.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';

const SIGNS = { good: 'ok', warning: 'look', problem: 'BAD' } as const;
const COLOURS = { good: 'green', warning: 'yellow', problem: 'red' } as const;

/** Options of `doctor`. */
export interface DoctorOptions {
  ring?: true;
}

/**
 * Looks whether all is in order; sends nothing and changes nothing but the quota calendar, where it takes its turn to
 * ask. With `--ring` it sets off the alarm that means nothing.
 */
export async function run(context: Context, { ring }: DoctorOptions = {}): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const found: Health[] = [];
  for (const [check, look] of Object.entries(ring ? { ...CHECKS, rehearsal: ringRehearsal } : CHECKS)) {
    const health = await look(cloud).catch((error: unknown) => ({
      state: 'problem' as const,
      words: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    }));
    found.push({ check, ...health });
    output.line(
      `${output.style(COLOURS[health.state], SIGNS[health.state].padEnd(5))}${check.padEnd(20)}${health.words}`,
    );
  }
  output.result({ command: 'doctor', target: cloud.target, checks: found });
  return found.some(({ state }) => state === 'problem') ? EXIT.foundProblem : EXIT.done;
}
