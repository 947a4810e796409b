import { httpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import type { Exchange, InvoiceApi } from '../../lib/invoice-api/invoice-api.ts';
import type { ProfileName } from '../../local/invoice-api-simulator/profiles.ts';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../../local/invoice-api-simulator/simulator.ts';
import { BENCH_PROFILES, concurrencyOf } from './bench-profiles.ts';
import type { JumpingClock } from './jumping-clock.ts';

/** A simulator, and the real adapter that talks to it. */
export interface MeasuredApi {
  api: InvoiceApi;
  simulator: InvoiceApiSimulator;
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
  const accepted = new Set<string>();
  let lastAcceptedAt = clock.now();
  return {
    simulator,
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
    async stop() {
      adapter.close();
      await simulator.stop();
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
