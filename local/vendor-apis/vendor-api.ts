import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { SlidingWindow } from '../invoice-api-simulator/sliding-window.ts';

/** One request, as a vendor's rules see it. */
export interface VendorRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  text: string;
}

/** One answer of theirs. */
export interface VendorAnswer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

/**
 * What goes wrong with one request on purpose: its effect is lost or only its answer is, it is turned away for a while,
 * or the API fails before it did anything.
 */
export type VendorFault = 'lost' | 'answer-lost' | 'throttled' | 'server-error';

/** How one vendor's API behaves. */
export interface VendorRules {
  /** @param now milliseconds since the epoch, by the API's clock */
  answer(request: VendorRequest, now: number): VendorAnswer;
  /** The answer of the vendor's identity service, which has limits of its own; undefined for any other request. */
  signIn?(request: VendorRequest, now: number): VendorAnswer | undefined;
  /** A request beyond the limits; whole seconds. */
  throttled(seconds: number): VendorAnswer;
  unauthorized(): VendorAnswer;
  /** The API failed; it may remember that it did. */
  failed(request: VendorRequest, now: number): VendorAnswer;
  /** Whether a request carries valid credentials. */
  isAuthorized(request: VendorRequest, token: string): boolean;
  /** What was billed, exactly, by the vendor's name of what was used. */
  billed(): Record<string, string>;
  /** What was billed for one customer, by the same. */
  billedTo(customer: string): Record<string, string>;
  /** Names of packages that were billed, as far as the API knows them. */
  packages(): string[];
}

/** How to start one. */
export interface VendorApiOptions {
  rules: VendorRules;
  port?: number;
  /** The one that is let in. */
  token: string;
  /** Requests and seconds. */
  limits?: readonly { requests: number; seconds: number }[];
  /** What befalls a request, by its number from 1; nothing by default. */
  faultOf?: (request: VendorRequest, number: number) => VendorFault | undefined;
  /** The API's clock; default the wall's. */
  now?: () => number;
  /** Lets the time of one request go by, once it was looked at and before it is answered; none by default. */
  latency?: (number: number) => Promise<void>;
}

/** A vendor's API on loopback. */
export interface VendorApi {
  url: string;
  rules: VendorRules;
  /** Requests so far, in their order, those of signing in left out. */
  requests: readonly { method: string; path: string; status: number | 'none' }[];
  /** Requests beyond the limits. */
  violations(): number;
  /** By how many milliseconds the worst of them came too early. */
  earlyBy(): number;
  /** From now on only this one is let in. */
  setToken(token: string): void;
  stop(): Promise<void>;
}

/** Where access tokens are asked for. */
export const SIGN_IN_PATH = '/connect/token';

/** Starts an API that behaves by a vendor's rules, keeps to its limits, and fails where it is told to. */
export async function startVendorApi(options: VendorApiOptions): Promise<VendorApi> {
  const { rules, faultOf = () => undefined, now = Date.now, limits = [], latency = async () => {} } = options;
  const windows = limits.map(({ requests, seconds }) => new SlidingWindow(requests, seconds * 1000));
  const requests: { method: string; path: string; status: number | 'none' }[] = [];
  let token = options.token;
  let violations = 0;
  let earlyBy = 0;

  const answerOf = (request: VendorRequest): VendorAnswer | 'none' => {
    if (!rules.isAuthorized(request, token)) return rules.unauthorized();
    const signedIn = rules.signIn?.(request, now());
    if (signedIn) return signedIn;
    const wait = Math.max(0, ...windows.map((window) => window.waitFrom(now())));
    if (wait > 0) {
      violations += 1;
      earlyBy = Math.max(earlyBy, wait);
      return rules.throttled(Math.ceil(wait / 1000));
    }
    for (const window of windows) window.admit(now());
    switch (faultOf(request, requests.length + 1)) {
      case 'lost':
        return 'none';
      case 'answer-lost':
        rules.answer(request, now());
        return 'none';
      case 'throttled':
        return rules.throttled(1);
      case 'server-error':
        return rules.failed(request, now());
      default:
        return rules.answer(request, now());
    }
  };

  const server = createServer((incoming, response) => {
    const handle = async (): Promise<void> => {
      const request = await requestOf(incoming);
      const answer = answerOf(request);
      const { method, path } = request;
      if (path !== SIGN_IN_PATH) requests.push({ method, path, status: answer === 'none' ? 'none' : answer.status });
      await latency(requests.length);
      write(response, answer);
    };
    // The caller has hung up: there is none to answer.
    handle().catch(() => response.destroy());
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    rules,
    requests,
    violations: () => violations,
    earlyBy: () => earlyBy,
    setToken(next) {
      token = next;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function requestOf(incoming: IncomingMessage): Promise<VendorRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1');
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

function write(response: ServerResponse, answer: VendorAnswer | 'none'): void {
  if (answer === 'none') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  response.end(JSON.stringify(answer.body));
}
