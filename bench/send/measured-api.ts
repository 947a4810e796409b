import { adaptedInvoiceApi } from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import { authorizationOf } from '../../lib/invoice-api/adapters/authorization.ts';
import type { AccessToken } from '../../lib/invoice-api/adapters/client-credentials.ts';
import { type HttpInvoiceApi, httpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import type { Exchange, InvoiceApi } from '../../lib/invoice-api/invoice-api.ts';
import type { ProfileName } from '../../local/invoice-api-simulator/profiles.ts';
import { drawsOf, durationOf } from '../../local/invoice-api-simulator/random.ts';
import { startInvoiceApiSimulator } from '../../local/invoice-api-simulator/simulator.ts';
import { startVendorAccess, vendorPace } from '../../local/start/vendor-access.ts';
import type { VendorName } from '../../local/vendor-apis/simulated-vendor.ts';
import { BENCH_PROFILES, concurrencyOf, VENDOR_LATENCY, VENDOR_TIMEOUT_MILLISECONDS } from './bench-profiles.ts';
import type { JumpingClock } from './jumping-clock.ts';
import { SEEDED_QUANTITY } from './seed-packages.ts';

/** What an API says of a measurement at its end. */
export interface ApiReport {
  requests: number;
  throttled: number;
  violations: number;
  acceptedTwice: number;
}

/** A simulated API, and the real adapter that talks to it. */
export interface MeasuredApi {
  api: InvoiceApi;
  report(): ApiReport;
  /** Milliseconds on the bench's clock: when the last package was accepted for the first time. */
  lastAcceptedAt(): number;
  stop(): Promise<void>;
}

/** Both sides live on one clock, so everything the API says in seconds is in seconds of that clock. */
export async function startMeasuredApi(profile: ProfileName, seed: number, clock: JumpingClock): Promise<MeasuredApi> {
  const simulator = await startInvoiceApiSimulator({ profile, seed, clock });
  const adapter = httpInvoiceApi({
    baseUrl: simulator.url,
    token: async () => 'bench',
    timeoutMilliseconds: BENCH_PROFILES[profile].requestTimeoutSeconds * 1000,
    timeoutSignal: (milliseconds) => clock.timeoutSignal(milliseconds),
    maximumConnections: concurrencyOf(profile),
  });
  return {
    ...measured(adapter, clock),
    report() {
      const { requests, throttled, violations, acceptedTwice } = simulator.report();
      return { requests: requests.total, throttled, violations, acceptedTwice };
    },
    async stop() {
      adapter.close();
      await simulator.stop();
    },
  };
}

/** The same for a vendor's API that is reached through its adapter. */
export async function startMeasuredVendor(
  vendor: VendorName,
  { seed, hasFaults, clients }: { seed: number; hasFaults: boolean; clients: readonly string[] },
  clock: JumpingClock,
): Promise<MeasuredApi> {
  const draw = drawsOf(seed);
  const { maximumConcurrency } = await vendorPace(vendor);
  const { adapter, simulation, billed } = await startVendorAccess(vendor, {
    seed,
    hasFaults,
    now: () => clock.now(),
    latency: (number) => clock.sleep(durationOf(VENDOR_LATENCY, (name) => draw('latency', number, name)) * 1_000),
  });
  const { api: server, secret, customerOf } = simulation;
  const adapted = adaptedInvoiceApi(adapter, {
    baseUrl: server.url,
    customers: { customerOf: async (clientId) => customerOf(clientId) },
    authorization: authorizationOf(
      adapter.authentication,
      server.url,
      async () => secret,
      keeper(),
      () => clock.now(),
    ),
    timeoutMilliseconds: VENDOR_TIMEOUT_MILLISECONDS,
    timeoutSignal: (milliseconds) => clock.timeoutSignal(milliseconds),
    maximumConnections: maximumConcurrency,
    now: () => clock.now(),
  });
  const isBilledTwice = (clientId: string) => Number(billed(clientId).api_calls ?? 0) > Number(SEEDED_QUANTITY);
  return {
    ...measured(adapted, clock),
    report() {
      return {
        requests: server.requests.length,
        throttled: server.requests.filter(({ status }) => status === 429).length,
        violations: server.violations(),
        acceptedTwice: clients.filter(isBilledTwice).length,
      };
    },
    async stop() {
      adapted.close();
      await server.stop();
    },
  };
}

/** An access token in memory: there is one sender. */
function keeper() {
  let kept: AccessToken | undefined;
  return {
    load: async () => kept,
    save: async (token: AccessToken) => {
      kept = token;
    },
    claim: async () => true,
  };
}

function measured(adapter: HttpInvoiceApi, clock: JumpingClock): Pick<MeasuredApi, 'api' | 'lastAcceptedAt'> {
  const accepted = new Set<string>();
  let lastAcceptedAt = clock.now();
  return {
    lastAcceptedAt: () => lastAcceptedAt,
    api: {
      ...adapter,
      submit: async (request, options) => {
        const outcome = await onClock(clock, () => adapter.submit(request, options));
        const { packageId } = JSON.parse(request.body) as { packageId: string };
        if (outcome.kind === 'accepted' && !accepted.has(packageId)) lastAcceptedAt = clock.now();
        if (outcome.kind === 'accepted') accepted.add(packageId);
        return outcome;
      },
      statusOf: (packageIds, options) => onClock(clock, () => adapter.statusOf(packageIds, options)),
    },
  };
}

/** Latency as a caller on this clock would have measured it. */
async function onClock<Outcome extends { exchange: Exchange }>(
  clock: JumpingClock,
  call: () => Promise<Outcome>,
): Promise<Outcome> {
  const startedAt = clock.now();
  const outcome = await call();
  return { ...outcome, exchange: { ...outcome.exchange, latencyMilliseconds: Math.round(clock.now() - startedAt) } };
}
