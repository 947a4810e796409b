import { join } from 'node:path';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../invoice-api-simulator/simulator.ts';
import { packageService } from '../packaging/package-service.ts';
import {
  enforcedQuota,
  type InvoiceApiChoice,
  invoiceApiEnvironment,
  TOKEN_PARAMETER,
} from './invoice-api-environment.ts';
import { type LocalService, startLocalService } from './local-service.ts';
import type { Progress } from './progress.ts';
import { type StallWatch, watchStalls } from './stalls.ts';
import { stageOf, startVendorAccess, type VendorAccess } from './vendor-access.ts';

/** Where the packages went. */
export type InvoiceApiAccess =
  | { kind: 'simulator'; simulator: InvoiceApiSimulator }
  | { kind: 'own'; url: string; token: string }
  | VendorAccess;

/** What is to run. */
export interface SessionOptions {
  invoiceApi: InvoiceApiChoice;
  /** Windows for all requests, instead of the profile's or the setting. */
  quota?: string;
  maxAgeDays: number;
  /** For logs, and for data when they are kept. */
  folder: string;
  keepData: boolean;
}

/** The service and an invoice API, both running. */
export interface Session {
  service: LocalService;
  api: InvoiceApiAccess;
  /** The invoice API's base URL. */
  apiUrl: string;
  /** What the functions are told instead of what the template says. */
  overrides: Record<string, string>;
  /** How long this process was held up since the session began. */
  stalls: StallWatch;
  /** Ends everything that was started. */
  stop(): Promise<void>;
}

/** Packages the service and starts it on the local cloud, beside an invoice API. */
export async function startSession(options: SessionOptions, progress: Progress, signal: AbortSignal): Promise<Session> {
  const { invoiceApi } = options;
  const stage = invoiceApi.kind === 'vendor' ? stageOf(invoiceApi.vendor) : 'local';
  const packaging = progress.begin('packaging the service');
  const packageFolder = await packageService({ stage });
  packaging.end('ready');
  signal.throwIfAborted();
  const booting = progress.begin('starting the local cloud');
  const api = await apiAccess(options);
  const stalls = watchStalls();
  const apiUrl = urlOf(api);
  const stopApi = async () => {
    if (api.kind === 'simulator') await api.simulator.stop();
    if (api.kind === 'vendor') await api.simulation.api.stop();
  };
  const overrides = {
    EVENT_MAX_AGE_DAYS: String(options.maxAgeDays),
    ...invoiceApiEnvironment(apiUrl, options),
  };
  try {
    const service = await startLocalService({
      packageFolder,
      folder: options.folder,
      keepData: options.keepData,
      environmentOverrides: overrides,
      parameters: { [TOKEN_PARAMETER]: secretOf(api) },
    });
    booting.end(`DynamoDB, SQS, Step Functions and Lambda on 127.0.0.1, invoice API at ${apiUrl}`);
    return {
      service,
      api,
      apiUrl,
      overrides,
      stalls,
      async stop() {
        stalls.stop();
        await service.stop();
        await stopApi();
      },
    };
  } catch (error) {
    stalls.stop();
    await stopApi();
    throw error;
  }
}

async function apiAccess({ invoiceApi, keepData, folder }: SessionOptions): Promise<InvoiceApiAccess> {
  if (invoiceApi.kind === 'own') return invoiceApi;
  if (invoiceApi.kind === 'vendor') {
    const { vendor, seed } = invoiceApi;
    const journalFile = join(folder, `${vendor}.ndjson`);
    return startVendorAccess(vendor, { seed, ...(keepData ? { journalFile } : {}) });
  }
  const { profile, seed, timeScale = 1 } = invoiceApi;
  const quota = enforcedQuota(profile, timeScale);
  const simulator = await startInvoiceApiSimulator({ profile, seed, timeScale, quota });
  return { kind: 'simulator', simulator };
}

function urlOf(api: InvoiceApiAccess): string {
  if (api.kind === 'own') return api.url;
  return api.kind === 'simulator' ? api.simulator.url : api.simulation.api.url;
}

function secretOf(api: InvoiceApiAccess): string {
  if (api.kind === 'own') return api.token;
  return api.kind === 'simulator' ? 'token-of-the-simulator' : api.simulation.secret;
}
