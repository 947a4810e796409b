import { text } from 'node:stream/consumers';
import type { Context } from '../connection/context.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';

/** What a token may consist of (RFC 6750, `b64token`), and what APIs use besides. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * Names the parameter of the invoice API's token, or writes a new one there. The token comes from standard input, since
 * a command line can be read by every program on the machine, and it is never shown.
 */
export async function run(context: Context, options: { put?: boolean }): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const { InvoiceApiTokenParameter: parameter, InvoiceApiUrl: url } = cloud.outputs;
  if (!options.put) {
    output.result({ command: 'token', target: cloud.target, parameter, written: false });
    output.line(`The token for ${url} is the SecureString ${parameter} of Parameter Store.`);
    output.line(`A new one, from standard input: ${command('token')} --put`);
    return EXIT.done;
  }
  if (process.stdin.isTTY) output.note('Paste the token, then Enter and Ctrl-D. It is not shown again.');
  const token = (await text(process.stdin)).trim();
  if (!TOKEN.test(token)) {
    throw new WrongUsage(
      'A token is one word of up to 4096 visible ASCII characters on standard input. Nothing was written.',
    );
  }
  if (!(await context.confirm(`Replace the token in ${parameter} for ${url}?`))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const { PutParameterCommand } = await import('@aws-sdk/client-ssm');
  const client = await cloud.parameters();
  const { Version } = await client.send(
    new PutParameterCommand({ Name: parameter, Value: token, Type: 'SecureString', Overwrite: true }),
  );
  if (Version === undefined) throw new CommandFailed('NOT_WRITTEN', `Parameter Store did not confirm ${parameter}.`);
  output.result({ command: 'token', target: cloud.target, parameter, written: true, version: Version });
  output.line(`${parameter} has its version ${Version}. Functions read it with their next request that is refused.`);
  output.line(`Does the API take it? ${command('doctor')}`);
  return EXIT.done;
}
