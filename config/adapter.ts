import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AdapterDefinition, InvoiceApiAdapter } from '../lib/invoice-api/adapters/adapter.ts';
import { InvalidSettings, type Settings } from './settings.ts';

/** What speaks to the invoice API in a stage whose settings choose an adapter. */
export interface ChosenAdapter {
  definition: AdapterDefinition;
  adapter: InvoiceApiAdapter;
  /** The module that it comes from. */
  path: string;
}

const ROOT = new URL('../', import.meta.url);

/** The adapters that come along. */
const BUILT_IN: Record<string, string> = {
  stripe: 'lib/invoice-api/adapters/stripe/stripe.ts',
  lago: 'lib/invoice-api/adapters/lago/lago.ts',
  xero: 'lib/invoice-api/adapters/xero/xero.ts',
};

/** Without an adapter, the API speaks the contract of docs/invoice-api.openapi.yaml. */
export const CONTRACT = 'contract';

/**
 * The adapter that a stage's settings choose, made from them; undefined for an API of the contract.
 * @param file the name of the settings, for the message
 * @throws InvalidSettings naming the adapters there are, or each fault in its settings with its path
 */
export async function chosenAdapter({ invoiceApi }: Settings, file: string): Promise<ChosenAdapter | undefined> {
  const name = invoiceApi.adapter ?? CONTRACT;
  if (name !== CONTRACT) return adapterOf(name, invoiceApi.settings, file);
  if (invoiceApi.settings === undefined) return undefined;
  throw invalid(file, ['invoiceApi.settings: are for an adapter, and an API of the contract needs none']);
}

/**
 * An adapter by its name or the path of its module, made from its settings.
 * @param file what the settings come from, for the message
 * @throws InvalidSettings naming the adapters there are, or each fault in its settings with its path
 */
export async function adapterOf(name: string, settings: unknown, file: string): Promise<ChosenAdapter> {
  const path = fileURLToPath(new URL(BUILT_IN[name] ?? name, ROOT));
  if (!existsSync(path) || !/\.[cm]?[jt]s$/.test(path)) {
    const known = [CONTRACT, ...Object.keys(BUILT_IN)].join(', ');
    throw invalid(file, [`invoiceApi.adapter: there is no ${name}; it is one of ${known}, or ./a/module.ts of yours`]);
  }
  const { default: definition } = (await import(pathToFileURL(path).href)) as { default?: AdapterDefinition };
  if (typeof definition?.create !== 'function') {
    throw invalid(file, [`invoiceApi.adapter: ${name} has no default export made with defineAdapter`]);
  }
  const checked = definition.settings.safeParse(settings ?? {});
  if (checked.success) return { definition, adapter: definition.create(checked.data), path };
  throw invalid(
    file,
    checked.error.issues.map(({ path, message }) => `${['invoiceApi.settings', ...path].join('.')}: ${message}`),
  );
}

const QUOTAS = ['sendQuota', 'statusQuota', 'sharedQuota'] as const;

/**
 * The settings with the names of published limits replaced by their windows.
 * @throws InvalidSettings for a name that the adapter does not have
 */
export function withQuotaPresets(settings: Settings, chosen: ChosenAdapter | undefined, file: string): Settings {
  const presets = chosen?.definition.quotas ?? {};
  const faults: string[] = [];
  const windows = QUOTAS.map((name) => {
    const given = settings.invoiceApi[name];
    if (given === 'none' || /\d/.test(given.slice(0, 1))) return [name, given];
    const known = Object.hasOwn(presets, given) ? presets[given] : undefined;
    if (known === undefined) {
      const names = Object.keys(presets).join(', ') || 'none with this adapter';
      faults.push(`invoiceApi.${name}: there is no preset ${given}; there are ${names}`);
    }
    return [name, known];
  });
  if (faults.length > 0) throw invalid(file, faults);
  return { ...settings, invoiceApi: { ...settings.invoiceApi, ...Object.fromEntries(windows) } };
}

/** What packaging needs to know of the adapter; for the contract it changes no bundle. */
export interface AdapterPackaging {
  /** Where the API is unless it is said otherwise. */
  invoiceApiUrl: string;
  /** Its name and settings, for the command line, which asks the API through the same adapter. */
  name: string;
  settingsText: string;
  requestsPerSubmission: number;
  /** Whether the functions keep an access token in Parameter Store. */
  keepsAccessToken: boolean;
  /** esbuild's options of these names. */
  alias: Record<string, string>;
  define: Record<string, string>;
}

/** Works out what follows from the adapter (see {@link AdapterPackaging}). */
export function adapterPackaging({ invoiceApi }: Settings, chosen: ChosenAdapter | undefined): AdapterPackaging {
  if (!chosen) {
    return {
      invoiceApiUrl: '',
      name: CONTRACT,
      settingsText: '{}',
      requestsPerSubmission: 1,
      keepsAccessToken: false,
      alias: {},
      define: {},
    };
  }
  const { definition, adapter, path } = chosen;
  return {
    invoiceApiUrl: definition.baseUrl,
    name: invoiceApi.adapter ?? CONTRACT,
    settingsText: JSON.stringify(invoiceApi.settings ?? {}),
    requestsPerSubmission: adapter.facts.requestsPerSubmission,
    keepsAccessToken: adapter.authentication.kind === 'client-credentials',
    alias: {
      '#invoice-api': fileURLToPath(new URL('functions/wiring/adapted-invoice-api.ts', ROOT)),
      '#invoice-api-obstacles': fileURLToPath(new URL('functions/wiring/adapted-obstacles.ts', ROOT)),
      '#invoice-api-adapter': path,
    },
    // In the bundle, since a function's environment holds 4 KB.
    define: { INVOICE_API_SETTINGS: JSON.stringify(invoiceApi.settings ?? {}) },
  };
}

function invalid(file: string, faults: readonly string[]): InvalidSettings {
  return new InvalidSettings(`${file} cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
}
