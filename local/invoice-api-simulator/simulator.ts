import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Quota } from '../../lib/quota/quota.ts';
import { json, problem, write } from './answers.ts';
import { bodyCheck } from './body-check.ts';
import { Books, type Totals } from './books.ts';
import { Gate } from './gate.ts';
import { IdempotencyKeys } from './keys.ts';
import { answerPackages } from './packages-api.ts';
import { type FaultRates, NO_FAULTS, PROFILES, type Profile, type ProfileName } from './profiles.ts';
import { drawsOf } from './random.ts';
import { type ScaledClock, startScaledClock } from './scaled-clock.ts';
import type { SimulatedApi } from './simulated-api.ts';
import { type SimulatorReport, Tally } from './tally.ts';

export interface SimulatorOptions {
  profile: ProfileName;
  /** The same seed deals every package the same fate. */
  seed: number;
  /** 0 or absent for any free port. */
  port?: number;
  /** So many seconds of the API's time pass in one of the wall clock. Default 1. */
  timeScale?: number;
  /** Instead of a clock with `timeScale`: one that the caller moves. */
  clock?: ScaledClock;
  /** Instead of the profile's own, in seconds of the API's time. */
  quota?: Partial<Quota>;
  /** Instead of the profile's own; `null` for no cap. */
  concurrency?: number | null;
  /** Over the profile's own shares. */
  faults?: Partial<FaultRates>;
  /** Only the first so many attempts of an idempotency key may go wrong. Default: any. */
  faultyAttempts?: number;
  /** An idempotency key means nothing any more after so many seconds of the API's time. Default: never. */
  keyLifetimeSeconds?: number;
  /** The one bearer token that is let in. Default: any. */
  token?: string;
  /**
   * Retry-After with three decimals, against RFC 9110, so that a client in scaled time need not round up. Default
   * false.
   */
  decimalRetryAfter?: boolean;
}

/** A running simulator. */
export interface InvoiceApiSimulator {
  /** Its base URL, on loopback. */
  url: string;
  report(): SimulatorReport;
  /** Exact processed totals by `<period> <client>`. */
  totalsByClient(): Record<string, Totals>;
  /** Exact processed totals by package id. */
  totalsByPackage(): Record<string, Totals>;
  /** Changes the shares of faults from now on; those left out stay. */
  setFaults(faults: Partial<FaultRates>): void;
  /** Changes what the API allows from now on, without a word to anybody. */
  setQuota(quota: Quota): void;
  /** From now on only this token is let in. */
  setToken(token: string): void;
  /** Hangs up on everybody and frees the port. `report` still works. */
  stop(): Promise<void>;
}

/**
 * Starts an invoice API that speaks the contract on 127.0.0.1, keeps to a profile's quota without mercy, and misbehaves
 * as often as the profile or the options say.
 * @throws Error when the port is taken
 */
export async function startInvoiceApiSimulator(options: SimulatorOptions): Promise<InvoiceApiSimulator> {
  const api = simulatedApi(options);
  const report = (): SimulatorReport => reportOf(api, options);
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    // A request that breaks off has nobody left to answer.
    route(api, report, request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 65_000;
  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    report,
    totalsByClient: () => api.books.totalsByClient(api.clock.now()),
    totalsByPackage: () => api.books.totalsByPackage(api.clock.now()),
    setFaults(faults) {
      api.faults = { ...api.faults, ...faults };
    },
    setQuota: (quota) => api.gate.setQuota(quota),
    setToken(token) {
      api.token = token;
    },
    async stop() {
      api.clock.stop();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function simulatedApi(options: SimulatorOptions): SimulatedApi {
  const base: Profile = PROFILES[options.profile];
  const concurrency = options.concurrency === undefined ? base.concurrency : (options.concurrency ?? undefined);
  const profile: Profile = { ...base, concurrency };
  const quota: Quota = options.quota ? { send: [], status: [], shared: [], ...options.quota } : base.quota;
  const clock = options.clock ?? startScaledClock(options.timeScale ?? 1);
  const draw = drawsOf(options.seed);
  return {
    profile,
    clock,
    startedAt: clock.now(),
    draw,
    gate: new Gate(profile, quota),
    books: new Books(profile, draw),
    keys: new IdempotencyKeys((options.keyLifetimeSeconds ?? Number.POSITIVE_INFINITY) * 1_000),
    tally: new Tally(),
    checkBody: bodyCheck(),
    faults: { ...NO_FAULTS, ...base.faults, ...options.faults },
    faultyAttempts: options.faultyAttempts ?? Number.POSITIVE_INFINITY,
    token: options.token,
    decimalRetryAfter: options.decimalRetryAfter ?? false,
  };
}

function reportOf(api: SimulatedApi, options: SimulatorOptions): SimulatorReport {
  const now = api.clock.now();
  const byStatus = api.books.countByStatus(now);
  const { requests, faults, throttled, replayed, keysReused } = api.tally;
  return structuredClone({
    profile: options.profile,
    seed: options.seed,
    timeScale: options.timeScale ?? 1,
    requests,
    throttled,
    violations: api.gate.violations,
    violationsByWindow: api.gate.violationsByWindow,
    earlyBy: api.gate.earlyBy,
    acceptedTwice: api.books.acceptedTwice,
    replayed,
    keysReused,
    faults,
    packages: { total: Object.values(byStatus).reduce((sum, count) => sum + count, 0), ...byStatus },
    totals: api.books.totalsByPeriod(now),
  });
}

async function route(
  api: SimulatedApi,
  report: () => SimulatorReport,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname === '/simulator/report') {
    const clients =
      url.searchParams.get('clients') === 'true' ? { clients: api.books.totalsByClient(api.clock.now()) } : {};
    return write(response, json(200, { ...report(), ...clients }));
  }
  if (url.pathname !== '/v1/packages')
    return write(response, problem(404, 'Not Found', `There is no ${url.pathname}.`));
  if (request.method === 'POST' || request.method === 'GET') return answerPackages(api, request, response, url);
  return write(response, problem(405, 'Method Not Allowed', 'POST or GET.', { headers: { allow: 'GET, POST' } }));
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new Error(
      `The invoice API simulator cannot listen on 127.0.0.1:${port}; is the port taken? Choose another.`,
      {
        cause: error,
      },
    );
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
