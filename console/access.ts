import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** A session ends when it was not used for so long, in seconds. */
const SESSION_SECONDS = 12 * 3_600;

/** Why a request was turned away. */
export type Refusal = 'foreign-host' | 'foreign-origin' | 'not-signed-in' | 'form-token';

/**
 * Who may look and who may change. The address that the command opens holds a token which works once; from then on a
 * cookie stands for it. A request is answered only under a loopback name, so that a name which was bound to 127.0.0.1
 * from outside reaches nothing, and a change only from a page of ours, with that session's own token in its form.
 */
export class Access {
  readonly #secret = randomBytes(32);
  #entrance: string | undefined = randomBytes(32).toString('base64url');
  readonly #sessions = new Map<string, number>();
  readonly #refuse: (context: Context, refusal: Refusal) => Response | Promise<Response>;
  #cookie = 'halfmonth-console';
  #hosts: ReadonlySet<string> = new Set();
  #firstPage = '/';

  /** @param refuse makes the page that says why, and what to do */
  constructor(refuse: (context: Context, refusal: Refusal) => Response | Promise<Response>) {
    this.#refuse = refuse;
  }

  /**
   * Says where the console is served: only these hosts are answered.
   * @param firstPage where a session begins
   * @returns the path that opens a session, once
   */
  servedAt(port: number, firstPage = '/'): string {
    this.#firstPage = firstPage;
    this.#hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]);
    // Cookies are shared by all ports of a host: two consoles must not end each other's session.
    this.#cookie = `halfmonth-console-${port}`;
    return `/enter?token=${this.#entrance}`;
  }

  /** Stands before every other route. */
  readonly guard: MiddlewareHandler = async (context, next) => {
    if (!this.#hosts.has(context.req.header('host') ?? '')) return this.#refuse(context, 'foreign-host');
    if (context.req.path === '/enter') return next();
    const session = this.#sessionOf(context);
    if (session === undefined) return this.#refuse(context, 'not-signed-in');
    if (context.req.method !== 'GET' && context.req.method !== 'HEAD') {
      if (!this.#isOwnOrigin(context)) return this.#refuse(context, 'foreign-origin');
      const { token } = await context.req.parseBody();
      if (typeof token !== 'string' || !isSame(token, this.#formTokenOf(session)))
        return this.#refuse(context, 'form-token');
    }
    return next();
  };

  /** Trades the token of the opened address for a session. */
  readonly enter = (context: Context): Response | Promise<Response> => {
    const token = context.req.query('token') ?? '';
    if (this.#entrance === undefined || !isSame(token, this.#entrance)) {
      return this.#sessionOf(context) === undefined
        ? this.#refuse(context, 'not-signed-in')
        : context.redirect(this.#firstPage, 303);
    }
    this.#entrance = undefined;
    const session = randomBytes(32).toString('base64url');
    this.#sessions.set(session, Date.now());
    setCookie(context, this.#cookie, session, { httpOnly: true, sameSite: 'Strict', path: '/' });
    return context.redirect(this.#firstPage, 303);
  };

  /** The token that a form of this session carries. */
  formToken(context: Context): string {
    return this.#formTokenOf(this.#sessionOf(context) ?? '');
  }

  #sessionOf(context: Context): string | undefined {
    const session = getCookie(context, this.#cookie) ?? '';
    const seenAt = this.#sessions.get(session);
    if (seenAt === undefined) return undefined;
    if (Date.now() - seenAt > SESSION_SECONDS * 1_000) {
      this.#sessions.delete(session);
      return undefined;
    }
    this.#sessions.set(session, Date.now());
    return session;
  }

  #isOwnOrigin(context: Context): boolean {
    const origin = context.req.header('origin');
    if (origin === undefined || !URL.canParse(origin)) return false;
    const { protocol, host } = new URL(origin);
    return protocol === 'http:' && host === context.req.header('host');
  }

  #formTokenOf(session: string): string {
    return createHmac('sha256', this.#secret).update(session).digest('base64url');
  }
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
