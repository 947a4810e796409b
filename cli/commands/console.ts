import { once } from 'node:events';
import type { Context } from '../connection/context.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { openInBrowser } from '../terminal/open-in-browser.ts';

interface ConsoleOptions {
  port?: number;
  /** False with `--no-open`. */
  open: boolean;
  allowChanges?: boolean;
}

/** Serves the console on this machine until Ctrl-C, and opens it, at the page about what was named. */
export async function run(context: Context, what: string | undefined, options: ConsoleOptions): Promise<ExitCode> {
  if (options.port !== undefined && options.port > 65_535)
    throw new WrongUsage(`--port ${options.port} is no port: at most 65535.`);
  const { serveConsole } = await import('../../console/serve.ts');
  const { pageOf } = await import('../../console/page-of.ts');
  const cloud = await context.cloud();
  const served = await serveConsole(cloud, {
    port: options.port ?? 0,
    mayChange: options.allowChanges === true,
    ...(what === undefined ? {} : { page: pageOf(what) }),
  });
  const { output } = context;
  output.result({ command: 'console', target: cloud.target, address: served.address });
  output.line(`The console: ${served.address}`);
  output.line('The address works once, in one browser. Ctrl-C ends the console and nothing else.');
  if (options.open && process.stdout.isTTY) openInBrowser(served.address);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await served.stop();
  return EXIT.done;
}
