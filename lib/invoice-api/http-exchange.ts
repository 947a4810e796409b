import { once } from 'node:events';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { request as secureRequest, Agent as TlsAgent } from 'node:https';
import { setImmediate } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { READ_CODINGS, textOf, tooLong, UnreadableBody } from './answer-body.ts';
import type { HeaderFields } from './coming-back.ts';

/** Rounds of the event loop, each of which reads what has come on every connection. */
const QUIET_ROUNDS = 2;

/** One HTTP request, ready to go. */
export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT';
  url: URL;
  headers: Record<string, string>;
  body?: Buffer;
}

/** What came back: a whole answer, or none. */
export type HttpResult =
  | { kind: 'answer'; status: number; headers: HeaderFields; text: string; latencyMilliseconds: number }
  | {
      kind: 'no-answer';
      cause: 'time-out' | 'connection' | 'malformed-answer';
      /** Present when the answer's head came, but not all of its body. */
      status?: number;
      headers?: HeaderFields;
      reason: string;
      latencyMilliseconds: number;
    };

export interface ConnectionOptions {
  /** Connections at most; further requests wait for a free one, within their own time-out. */
  maximumConnections: number;
  /** From the call to the last byte of the answer, everything included. */
  timeoutMilliseconds: number;
  /** An answer with a longer body, as it comes or decompressed, is not read to its end. */
  maximumAnswerBytes: number;
  /**
   * Kept connections are dropped after this time without a request. A Lambda is frozen between invocations and does not
   * hear its peer hang up, and a request on such a connection would end with an unknown outcome for nothing.
   */
  idleMilliseconds: number;
  /**
   * A signal that aborts after so many milliseconds, for callers who live on another clock; default
   * `AbortSignal.timeout`.
   */
  timeoutSignal?: (milliseconds: number) => AbortSignal;
}

/** Makes requests to one origin over kept connections. */
export interface Connections {
  /** Begins the time of one request, for {@link exchange}: what the caller does before that is within it. */
  timeout(): AbortSignal;
  /** @param onLeft called when the request has been written to a kept connection; never for one on a new connection */
  exchange(request: HttpRequest, signal: AbortSignal, onLeft?: () => void): Promise<HttpResult>;
  /** Closes the kept connections; the next request opens new ones. */
  close(): void;
}

/**
 * Connections over Node's own client rather than `fetch`: it tells when the last byte of a request has left and whether
 * its connection is a kept one, where `fetch` and undici do not, and the bundle stays small.
 *
 * Requests wait in a line of our own, not in the Agent's: the Agent gives a connection to the next in line in the same
 * moment in which an answer ends, and a server that says more than it was asked for would be heard as that one's
 * answer. Node drops a connection on which something comes while nobody asks.
 */
export function openConnections(options: ConnectionOptions): Connections {
  let agents = newAgents(options.maximumConnections);
  const line = pLimit(options.maximumConnections);
  // The wall clock: the monotonic one may stand still while a Lambda is frozen.
  let lastUsed = Date.now();
  let underWay = 0;

  const close = (): void => {
    agents.plain.destroy();
    agents.tls.destroy();
    agents = newAgents(options.maximumConnections);
  };

  return {
    close,
    timeout: () => (options.timeoutSignal ?? AbortSignal.timeout)(options.timeoutMilliseconds),
    async exchange(request, signal, onLeft) {
      if (underWay === 0 && Date.now() - lastUsed > options.idleMilliseconds) close();
      underWay += 1;
      try {
        return await inLine(line, () => exchangeOnce({ request, signal, onLeft }, agents, options));
      } finally {
        underWay -= 1;
        lastUsed = Date.now();
      }
    },
  };
}

/**
 * The answer is there at once; the next in line comes when what else the server has sent with it has been read and
 * dropped.
 */
function inLine(line: LimitFunction, exchange: () => Promise<HttpResult>): Promise<HttpResult> {
  return new Promise((resolve, reject) => {
    void line(async () => {
      await exchange().then(resolve, reject);
      for (let round = 0; round < QUIET_ROUNDS; round++) await setImmediate();
    });
  });
}

interface Agents {
  plain: PlainAgent;
  tls: TlsAgent;
}

function newAgents(maximumConnections: number): Agents {
  const agentOptions = { keepAlive: true, maxSockets: maximumConnections };
  return { plain: new PlainAgent(agentOptions), tls: new TlsAgent(agentOptions) };
}

interface TimedRequest {
  request: HttpRequest;
  signal: AbortSignal;
  onLeft: (() => void) | undefined;
}

async function exchangeOnce(timed: TimedRequest, agents: Agents, options: ConnectionOptions): Promise<HttpResult> {
  const started = performance.now();
  const elapsed = (): number => Math.round(performance.now() - started);
  let head: { status: number; headers: HeaderFields } | undefined;
  try {
    const response = await responseTo(timed, agents);
    head = { status: response.statusCode ?? 0, headers: response.headers };
    const body = await boundedBody(response, options.maximumAnswerBytes);
    const text = await textOf(body, response.headers['content-encoding'], options.maximumAnswerBytes);
    return { kind: 'answer', ...head, text, latencyMilliseconds: elapsed() };
  } catch (error) {
    const failure = { kind: 'no-answer' as const, ...head, latencyMilliseconds: elapsed() };
    if (error instanceof UnreadableBody) return { ...failure, cause: 'malformed-answer', reason: error.message };
    if (timed.signal.aborted) {
      return { ...failure, cause: 'time-out', reason: `no whole answer within ${options.timeoutMilliseconds} ms` };
    }
    const code = codeOf(error);
    return { ...failure, cause: code.startsWith('HPE_') ? 'malformed-answer' : 'connection', reason: code };
  }
}

async function responseTo({ request, signal, onLeft }: TimedRequest, agents: Agents): Promise<IncomingMessage> {
  const { method, url } = request;
  const headers = { 'accept-encoding': READ_CODINGS, ...request.headers };
  const outgoing =
    url.protocol === 'https:'
      ? secureRequest(url, { method, headers, signal, agent: agents.tls })
      : plainRequest(url, { method, headers, signal, agent: agents.plain });
  // A connection may fail once more after its answer began; reading the body tells us, and that is enough.
  outgoing.on('error', () => {});
  // `finish` comes when the socket has taken the last byte. On a new one that says little: a TCP connection is open for
  // us before the server has accepted it. Two rounds of the event loop give a busy machine time to pass the bytes on;
  // to say so late is always safe.
  outgoing.once('finish', () => {
    if (onLeft && outgoing.reusedSocket)
      void setImmediate()
        .then(() => setImmediate())
        .then(onLeft);
  });
  outgoing.end(request.body);
  // Node emits one argument with `response`, the message.
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

/** The body as it came. @throws UnreadableBody when it is longer; the connection is then given up */
async function boundedBody(response: IncomingMessage, maximumBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the response and its connection.
    if (bytes > maximumBytes) throw tooLong(maximumBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The system's name of what went wrong (`ECONNRESET`). Never the message, which may quote what was sent. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown failure';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : 'unknown failure';
}
