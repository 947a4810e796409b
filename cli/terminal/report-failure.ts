import { styleText } from 'node:util';
import { HalfmonthError } from '../../lib/errors/halfmonth-error.ts';
import { visibleJson, visibleText } from '../../lib/text/visible-text.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { command, remedyCommand } from './next-command.ts';

const MISSING_PERMISSION =
  "Your role may not do this. docs/operating.md lists what an operator's role needs; is it the right --profile?";
const UNREACHABLE =
  'Nothing answers there: check the network, --region, and AWS_ENDPOINT_URL if it is set. Locally: npm start -- --keep';

/** What AWS calls the failures that an operator can mend, with what to try next. */
const ADVICE: Record<string, string> = {
  CredentialsProviderError: 'Sign in first ("aws sso login"), or name a profile with --profile.',
  ExpiredTokenException: 'The credentials have expired: sign in again ("aws sso login").',
  ExpiredToken: 'The credentials have expired: sign in again ("aws sso login").',
  UnrecognizedClientException: 'The credentials are not valid here: check --profile and --region.',
  InvalidClientTokenId: 'The credentials are not valid here: check --profile and --region.',
  SignatureDoesNotMatch: 'The secret key is not the one of the access key: sign in again ("aws sso login").',
  RequestExpired: "This machine's clock is wrong: set it, then try again.",
  AccessDeniedException: MISSING_PERMISSION,
  AccessDenied: MISSING_PERMISSION,
  ThrottlingException: 'AWS asks for a pause: try again in a minute.',
  ResourceNotFoundException: `Is the stack deployed in this region? "${command('doctor')}" looks.`,
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  TimeoutError: UNREACHABLE,
};

/** Commander's own code for having shown help or the version, which is what was asked for. */
const SHOWN = new Set(['commander.helpDisplayed', 'commander.help', 'commander.version']);

/** Says what went wrong, why, and what to try next, and answers the exit code. */
export function reportFailure(error: unknown, json: boolean): ExitCode {
  const { name, code, message } = described(error);
  if (SHOWN.has(code)) return EXIT.done;
  const isUsage = code === 'WRONG_USAGE' || code === 'INVALID_PERIOD' || code.startsWith('commander.');
  const remedies = error instanceof HalfmonthError ? error.remedies.map(remedyCommand) : [];
  const next = [ADVICE[name] ?? ADVICE[code], ...remedies.map((typed) => `Try: ${typed}`)].filter(Boolean).join('\n');
  if (json) {
    console.log(visibleJson({ schemaVersion: 1, error: { name, code, message, ...(next ? { next } : {}) } }));
  } else if (!code.startsWith('commander.')) {
    // Commander has said its own already.
    console.error(`${styleText('red', 'error', { stream: process.stderr })}: ${visibleText(message)}`);
    if (next) console.error(visibleText(next));
  }
  return isUsage ? EXIT.wrongUsage : EXIT.failed;
}

function described(error: unknown): { name: string; code: string; message: string } {
  if (!(error instanceof Error)) return { name: 'Error', code: 'FAILED', message: String(error) };
  const { code } = error as { code?: unknown };
  // A connection that fails on every address of a host says nothing itself.
  const causes = error instanceof AggregateError ? error.errors.map(String).join('; ') : '';
  return { name: error.name, code: typeof code === 'string' ? code : 'FAILED', message: error.message || causes };
}
