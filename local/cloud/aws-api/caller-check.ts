import type { IncomingMessage } from 'node:http';
import { AwsError } from './aws-error.ts';
import { isSignedWith } from './signature-check.ts';
import { signingScopeOf } from './signing-scope.ts';

/** Headers that browsers add of their own, and that no SDK sends. */
const BROWSER_HEADERS = ['origin', 'sec-fetch-site', 'access-control-request-method'];

/** Names of this machine that no other site can have its own name resolve to in a browser's eyes. */
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Refuses what cannot come from a program that was let in, before its body is read: a page in a browser, a name that
 * was rebound to this machine, a request without a signature.
 * @throws AwsError AccessDeniedException, MissingAuthenticationTokenException
 */
export function refuseForeignCaller({ headers, socket }: IncomingMessage): void {
  const [, name = '', port = '80'] = /^(.+?)(?::(\d+))?$/.exec(headers.host ?? '') ?? [];
  if (!LOOPBACK_NAMES.includes(name.toLowerCase()) || Number(port) !== socket.localPort) {
    throw denied('the Host header names another address than this one');
  }
  if (BROWSER_HEADERS.some((header) => headers[header] !== undefined)) throw denied('a browser sent it');
  if (!signingScopeOf(headers.authorization)) {
    throw new AwsError('MissingAuthenticationTokenException', `The request is not signed. ${WHERE}`, 403);
  }
}

/**
 * Refuses a request that was not signed with the secret of this session.
 * @throws AwsError InvalidSignatureException
 */
export async function refuseForeignSignature(request: IncomingMessage, body: Buffer, secret: string): Promise<void> {
  if (await isSignedWith(secret, request, body)) return;
  throw new AwsError(
    'InvalidSignatureException',
    `The signature is not of this local cloud's credentials. ${WHERE}`,
    403,
  );
}

const WHERE = 'The lines that "npm start -- --keep" prints hold the credentials of this run; each run has its own.';

function denied(reason: string): AwsError {
  return new AwsError('AccessDeniedException', `The local cloud does not answer this request: ${reason}.`, 403);
}
