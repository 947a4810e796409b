import { createHash } from 'node:crypto';
import { textAt } from '../../lib/invoice-api/adapters/json-paths.ts';
import type { QuotaWindow } from '../../lib/quota/quota.ts';
import { drawsOf } from '../invoice-api-simulator/random.ts';
import { lagoRules } from './lago.ts';
import { remembering } from './request-journal.ts';
import { stripeRules } from './stripe.ts';
import {
  startVendorApi,
  type VendorApi,
  type VendorApiOptions,
  type VendorFault,
  type VendorRules,
} from './vendor-api.ts';
import { xeroRules } from './xero.ts';

/** A vendor whose API is simulated here, and what our settings for it call things. */
interface SimulatedVendor {
  rules(): VendorRules;
  secret: string;
  /** The name of a client's customer there. */
  customerOf(clientId: string): string;
  /** What the vendor's books call a meter, by its mapping in the settings. */
  itemOf(meter: string, mapping: unknown): string | undefined;
}

const VENDORS = {
  stripe: {
    rules: () => stripeRules(),
    secret: 'rk_test_of_the_simulation',
    customerOf: (clientId) => `cus_${hashOf(clientId).slice(0, 14)}`,
    itemOf: (meter) => meter,
  },
  lago: {
    rules: () => lagoRules(),
    secret: 'key-of-the-simulation',
    customerOf: (clientId) => `sub_${hashOf(clientId).slice(0, 14)}`,
    itemOf: (_meter, mapping) => textAt(mapping, 'code'),
  },
  xero: {
    rules: () => xeroRules(),
    secret: 'client-of-the-simulation:its-secret',
    customerOf: (clientId) => hashOf(clientId).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
    itemOf: (_meter, mapping) => textAt(mapping, 'itemCode'),
  },
} satisfies Record<string, SimulatedVendor>;

/** The vendors that are simulated here. */
export type VendorName = keyof typeof VENDORS;
export const VENDOR_NAMES = Object.keys(VENDORS) as VendorName[];

/** Whether a vendor of this name is simulated here. */
export function isVendorName(name: string): name is VendorName {
  return Object.hasOwn(VENDORS, name);
}

/** One vendor's simulation at work. */
export interface VendorSimulation {
  name: VendorName;
  api: VendorApi;
  secret: string;
  customerOf(clientId: string): string;
  itemOf(meter: string, mapping: unknown): string | undefined;
}

/** So many of 1,000 requests go wrong in each way: enough that every way is gone in a short run. */
const FAULTS: readonly (readonly [VendorFault, number])[] = [
  ['lost', 10],
  ['answer-lost', 15],
  ['throttled', 10],
  ['server-error', 10],
];

/** How a simulation is to be. */
export interface VendorSimulationOptions extends Pick<VendorApiOptions, 'now' | 'latency'> {
  seed: number;
  limits: readonly QuotaWindow[];
  /** Whether requests go wrong; they do by default. */
  hasFaults?: boolean;
  /** Where it remembers what it was told; absent: it forgets when it ends. */
  journalFile?: string;
}

/** Starts the simulation of a vendor's API with its limits, and with faults that a seed repeats. */
export async function startVendorSimulation(
  name: VendorName,
  { seed, limits, hasFaults = true, journalFile, ...options }: VendorSimulationOptions,
): Promise<VendorSimulation> {
  const { rules, ...vendor } = VENDORS[name];
  const draw = drawsOf(seed);
  const faultOf = (_request: unknown, number: number): VendorFault | undefined => {
    let left = draw('fault', number) * 1_000;
    for (const [fault, share] of FAULTS) {
      left -= share;
      if (left < 0) return fault;
    }
    return undefined;
  };
  const api = await startVendorApi({
    ...options,
    rules: journalFile === undefined ? rules() : remembering(rules(), journalFile),
    token: vendor.secret,
    limits,
    ...(hasFaults ? { faultOf } : {}),
  });
  return { name, api, ...vendor };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
