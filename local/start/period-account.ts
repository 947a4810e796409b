import pLimit from 'p-limit';
import * as z from 'zod';
import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { METER_KINDS, measureOf, quantitiesOfDays } from '../../lib/meters/measure.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { readClients } from '../../lib/store/client-reader.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import type { LocalService } from './local-service.ts';

/** What the tables say of one period. */
export interface PeriodAccount {
  periodId: PeriodId;
  /** From the usage slices. */
  countedEvents: number;
  /** From the daily records, as packaging folded them. */
  days: { events: number; totals: MeterTotals };
  /** From the current documents. */
  packages: { count: number; totals: MeterTotals };
}

const DOCUMENTS_AT_ONCE = 16;

/** What is read of a package document: an independent reading of the bytes that went to the invoice API. */
const lineSchema = z.object({ meter: z.string(), kind: z.optional(z.enum(METER_KINDS)), quantity: z.string() });
const documentSchema = z.object({ lines: z.array(lineSchema) });

/**
 * Adds up a period's slices, daily records and package documents, client by client.
 * @param onPackage told each package's head and what its current document sums to
 */
export async function readPeriodAccount(
  { tables }: LocalService,
  periodId: PeriodId,
  onPackage: (head: PackageHead, totals: MeterTotals) => void,
): Promise<PeriodAccount> {
  const store = new PackageStore(tables);
  const limit = pLimit(DOCUMENTS_AT_ONCE);
  const account = { countedEvents: 0, dayEvents: 0, packages: 0 };
  const daySums = new MeterSums();
  const packageSums = new MeterSums();
  const addPackage = async (head: PackageHead) => {
    const totals = await documentTotals(store, head);
    account.packages += 1;
    packageSums.addAll(totals);
    onPackage(head, totals);
  };
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const loading: Promise<void>[] = [];
    for await (const { days, folded, heads } of readClients(tables, periodId, { bucket })) {
      for (const day of folded.values()) account.countedEvents += day.events;
      for (const { events } of days) account.dayEvents += events;
      daySums.addAll(quantitiesOfDays(days));
      loading.push(...heads.map((head) => limit(() => addPackage(head))));
    }
    await Promise.all(loading);
  }
  return {
    periodId,
    countedEvents: account.countedEvents,
    days: { events: account.dayEvents, totals: daySums.totals() },
    packages: { count: account.packages, totals: packageSums.totals() },
  };
}

async function documentTotals(store: PackageStore, head: PackageHead): Promise<MeterTotals> {
  const revision = await store.loadRevision(head.periodId, head.clientId, head.part, head.revision);
  if (!revision) throw new Error(`package ${head.packageId} has no document for its revision ${head.revision}`);
  const { lines } = documentSchema.parse(JSON.parse(revision.document));
  const sums = new MeterSums();
  for (const { meter, kind, quantity } of lines) sums.add(measureOf(meter, kind), quantity);
  return sums.totals();
}
