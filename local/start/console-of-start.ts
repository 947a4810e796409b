import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const SERVICE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../cli/halfmonth.mjs', import.meta.url));

const answerSchema = z.looseObject({ address: z.url() });

/** The console beside the main job, as a process of its own: a page that is drawn must not hold up what it shows. */
export interface ConsoleOfStart {
  /** Opens a session, once. */
  address: string;
  stop(): Promise<void>;
}

/**
 * Starts the console on a local cloud that has been announced.
 * @param folder where its notice is; the kept cloud of this project unless said otherwise
 * @throws Error with what the command said when it did not start
 */
export async function startConsole(folder = SERVICE_FOLDER): Promise<ConsoleOfStart> {
  const child = spawn(process.execPath, [PROGRAM, 'console', '--local', '--no-open', '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const complaints: string[] = [];
  child.stderr.on('data', (chunk) => complaints.push(String(chunk)));
  const exited = once(child, 'exit');
  const first = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited.then(() => [])]);
  if (typeof first[0] !== 'string') throw new Error(`The console did not start: ${complaints.join('').trim()}`);
  return {
    address: answerSchema.parse(JSON.parse(first[0])).address,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
