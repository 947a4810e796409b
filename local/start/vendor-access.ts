import { chosenAdapter, withQuotaPresets } from '../../config/adapter.ts';
import { readSettings } from '../../config/settings.ts';
import type { InvoiceApiAdapter } from '../../lib/invoice-api/adapters/adapter.ts';
import { at } from '../../lib/invoice-api/adapters/json-paths.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { parseQuotaWindows, type QuotaWindow } from '../../lib/quota/quota.ts';
import { readClients } from '../../lib/store/client-reader.ts';
import { ClientStore } from '../../lib/store/client-store.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import type { Tables } from '../../lib/store/tables.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import {
  startVendorSimulation,
  type VendorName,
  type VendorSimulation,
  type VendorSimulationOptions,
} from '../vendor-apis/simulated-vendor.ts';

/** A simulated vendor, and the adapter that the functions reach it through. */
export interface VendorAccess {
  kind: 'vendor';
  simulation: VendorSimulation;
  adapter: InvoiceApiAdapter;
  /** What its books say of meters, by our names for them; of one client or of all. */
  billed(clientId?: string): MeterTotals;
  /** What the API is told of a package: what it holds, but for what the settings have rounded. */
  told(totals: MeterTotals): MeterTotals;
}

/** What paces the requests to a vendor: the windows of its stage, and how many go side by side. */
export interface VendorPace {
  adapter: InvoiceApiAdapter;
  limits: readonly QuotaWindow[];
  maximumConcurrency: number;
}

/** The stage whose settings are for a vendor's simulation. */
export function stageOf(vendor: VendorName): string {
  return `local-${vendor}`;
}

/** What the settings of a vendor's stage come to. */
async function stageSettings(vendor: VendorName) {
  const stage = stageOf(vendor);
  const file = `config/${stage}.yml`;
  const written = readSettings(stage);
  const chosen = await chosenAdapter(written, file);
  if (!chosen) throw new Error(`${file} chooses no adapter`);
  const { invoiceApi } = withQuotaPresets(written, chosen, file);
  return { adapter: chosen.adapter, invoiceApi, limits: parseQuotaWindows(invoiceApi.sharedQuota) };
}

/** What paces the requests of a vendor's stage. */
export async function vendorPace(vendor: VendorName): Promise<VendorPace> {
  const { adapter, invoiceApi, limits } = await stageSettings(vendor);
  return { adapter, limits, maximumConcurrency: invoiceApi.maximumConcurrency };
}

/** Starts a vendor's simulation, with the limits that its stage keeps to. */
export async function startVendorAccess(
  vendor: VendorName,
  options: Omit<VendorSimulationOptions, 'limits'>,
): Promise<VendorAccess> {
  const { adapter, invoiceApi, limits } = await stageSettings(vendor);
  const simulation = await startVendorSimulation(vendor, { ...options, limits });
  const itemOf = (meter: string) => simulation.itemOf(meter, at(invoiceApi.settings, 'meters', meter));
  const { rules } = simulation.api;
  return {
    kind: 'vendor',
    simulation,
    adapter,
    billed(clientId) {
      const books = clientId === undefined ? rules.billed() : rules.billedTo(simulation.customerOf(clientId));
      const meterOf = new Map([...adapter.meters].map((meter) => [itemOf(meter), meter]));
      // What no meter of ours is behind keeps the vendor's name, and differs from all that we have.
      return Object.fromEntries(Object.entries(books).map(([item, sum]) => [meterOf.get(item) ?? item, sum]));
    },
    told: (totals) =>
      Object.fromEntries(
        Object.entries(totals).map(([meter, total]) => [meter, adapter.toldQuantity?.(meter, total) ?? total]),
      ),
  };
}

/** Says of every client with usage in a period who it is at the vendor. @returns how many there are */
export async function mapClients(tables: Tables, periodId: PeriodId, { simulation }: VendorAccess): Promise<number> {
  const clients = new ClientStore(tables);
  let mapped = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    for await (const { clientId } of readClients(tables, periodId, { bucket })) {
      await clients.save({ clientId, customer: simulation.customerOf(clientId) });
      mapped += 1;
    }
  }
  return mapped;
}
