import { setTimeout as delay } from 'node:timers/promises';
import { HalfmonthError } from '../../errors/halfmonth-error.ts';
import type { TokenProvider } from '../authorized-caller.ts';
import { type HttpResult, openConnections } from '../http-exchange.ts';
import type { Authentication } from './adapter.ts';
import { type AuthorizationProvider, basic } from './basic-authorization.ts';
import { at, textAt } from './json-paths.ts';

/** An access token and the end of its life, in milliseconds since the epoch. */
export interface AccessToken {
  value: string;
  expiresAt: number;
}

/** Where an access token is kept, so that one of all Lambdas asks for it. */
export interface AccessTokenKeeper {
  load(): Promise<AccessToken | undefined>;
  save(token: AccessToken): Promise<void>;
  /** Whether it is ours to ask for a new one now; nobody else may for so many milliseconds. */
  claim(milliseconds: number): Promise<boolean>;
}

/** The secret that access tokens are asked for with is refused: a person or a rotation has to mend it. */
export class AccessTokenRefused extends HalfmonthError {
  readonly code = 'ACCESS_TOKEN_REFUSED';
}

/** No access token could be had just now, though nobody said that the secret is wrong. */
export class AccessTokenUnavailable extends HalfmonthError {
  readonly code = 'ACCESS_TOKEN_UNAVAILABLE';
}

const TIMEOUT_MILLISECONDS = 10_000;
/** A token with less life than this might be dead when the request arrives. */
const MARGIN_MILLISECONDS = 60_000;
/** Asking for a token twice does no harm. */
const ATTEMPTS = 3;
const PAUSE_MILLISECONDS = 500;
const LOOKS = 120;
const LOOK_MILLISECONDS = 250;

/** Access tokens by OAuth 2 client credentials (RFC 6749, section 4.4), asked for once and kept for all. */
export function clientCredentials(
  { tokenUrl, scope }: Authentication & { kind: 'client-credentials' },
  secret: TokenProvider,
  keeper: AccessTokenKeeper,
  now: () => number = Date.now,
): AuthorizationProvider {
  let known: AccessToken | undefined;
  const isGood = (token: AccessToken | undefined, refused: string | undefined): token is AccessToken =>
    token !== undefined && bearer(token) !== refused && token.expiresAt - now() > MARGIN_MILLISECONDS;

  const renewed = async (refused: string | undefined): Promise<AccessToken> => {
    for (let look = 0; look < LOOKS; look++) {
      const kept = await keeper.load();
      if (isGood(kept, refused)) return kept;
      if (await keeper.claim(TIMEOUT_MILLISECONDS)) {
        const asked = await askForToken({ tokenUrl, scope, secret, refused }, now);
        await keeper.save(asked);
        return asked;
      }
      await delay(LOOK_MILLISECONDS);
    }
    throw new AccessTokenUnavailable('Somebody else has been asking for an access token for too long.');
  };

  let renewal: Promise<AccessToken> | undefined;
  return async (refused) => {
    if (isGood(known, refused)) return bearer(known);
    renewal ??= renewed(refused).finally(() => {
      renewal = undefined;
    });
    known = await renewal;
    return bearer(known);
  };
}

const bearer = ({ value }: AccessToken): string => `Bearer ${value}`;

async function askForToken(
  asked: { tokenUrl: string; scope: string | undefined; secret: TokenProvider; refused: string | undefined },
  now: () => number,
): Promise<AccessToken> {
  const first = await asked.secret(undefined);
  const token = await tokenFrom(asked, first, now);
  if (token) return token;
  // The secret may have been rotated since it was read.
  const second = await asked.secret(first);
  const again = second === first ? undefined : await tokenFrom(asked, second, now);
  if (again) return again;
  throw new AccessTokenRefused(
    `${new URL(asked.tokenUrl).host} refused our client id and secret, which are written as ID:SECRET in their parameter`,
  );
}

/** One token; undefined when the secret is refused. */
async function tokenFrom(
  { tokenUrl, scope }: { tokenUrl: string; scope: string | undefined },
  secret: string,
  now: () => number,
): Promise<AccessToken | undefined> {
  const connections = openConnections({
    maximumConnections: 1,
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    maximumAnswerBytes: 64 * 1024,
    idleMilliseconds: 1_000,
  });
  try {
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope ? { scope } : {}) });
    const body = Buffer.from(form.toString(), 'utf8');
    const headers = {
      accept: 'application/json',
      authorization: basic(secret),
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    };
    const request = { method: 'POST' as const, url: new URL(tokenUrl), headers, body };
    let result = await connections.exchange(request, connections.timeout());
    for (let attempt = 1; attempt < ATTEMPTS && isPassing(result); attempt++) {
      await delay(PAUSE_MILLISECONDS * attempt);
      result = await connections.exchange(request, connections.timeout());
    }
    if (result.kind === 'answer' && (result.status === 400 || result.status === 401)) return undefined;
    const json: unknown = result.kind === 'answer' && result.status === 200 ? JSON.parse(result.text) : undefined;
    const value = textAt(json, 'access_token');
    const seconds = Number(at(json, 'expires_in') ?? 0);
    if (value === undefined || !(seconds > 0)) {
      const said = `HTTP ${result.status ?? 'none'}`;
      throw new AccessTokenUnavailable(`${new URL(tokenUrl).host} gave no access token (${said}).`);
    }
    return { value, expiresAt: now() + seconds * 1000 };
  } finally {
    connections.close();
  }
}

/** No answer, no room, or a fault of its own: it may be over in a moment. */
function isPassing(result: HttpResult): boolean {
  return result.kind === 'no-answer' || result.status === 429 || result.status >= 500;
}
