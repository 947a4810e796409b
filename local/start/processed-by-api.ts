import { setTimeout as delay } from 'node:timers/promises';
import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { httpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import type { PackageReport } from '../../lib/invoice-api/invoice-api.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import type { ProcessedContent } from './package-findings.ts';

const TIMEOUT_MILLISECONDS = 30_000;
const TRIES = 10;
const MOST_PAGES = 20_000;
const PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;

/** The invoice API did not list what it holds. */
export class ListingFailed extends Error {
  override readonly name = 'ListingFailed';
  readonly code = 'LISTING_FAILED';
}

/** The ids of the packages of a period that an API says it processed. @throws ListingFailed */
export async function processedIds(
  access: { url: string; token: string },
  periodId: PeriodId,
  signal: AbortSignal,
): Promise<Map<string, PackageReport>> {
  const api = httpInvoiceApi({
    baseUrl: access.url,
    token: async () => access.token,
    timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    maximumConnections: 1,
  });
  const processed = new Map<string, PackageReport>();
  try {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      // An API that leads in a circle, or ever further, would be asked for ever.
      if (cursor !== undefined && (seen.has(cursor) || seen.size >= MOST_PAGES)) {
        throw new ListingFailed(`The invoice API's listing of ${periodId} does not end, so nothing can be compared.`);
      }
      if (cursor !== undefined) seen.add(cursor);
      const page = await pageOf(() => api.listPeriod(periodId, cursor), signal);
      for (const report of page.packages) if (report.status === 'processed') processed.set(report.id, report);
      cursor = page.nextCursor;
    } while (cursor);
    return processed;
  } finally {
    api.close();
  }
}

/** Adds up the packages of ours that an API of a person's own says it processed: it tells ids, not quantities. */
export class ProcessedSums {
  readonly #reports: Map<string, PackageReport>;
  readonly #sums = new MeterSums();
  packages = 0;

  constructor(reports: Map<string, PackageReport>) {
    this.#reports = reports;
  }

  /** Counts a package if the API processed this very content, as far as it says what that was. */
  add({ packageId, contentHash, revision }: PackageHead, totals: MeterTotals): ProcessedContent {
    const report = this.#reports.get(packageId);
    if (!report) return { isCurrent: false, instead: 'does not list it as processed' };
    if (report.contentHash !== undefined && report.contentHash !== contentHash) {
      return { isCurrent: false, instead: `processed other content, ${report.contentHash.slice(0, 12)}...` };
    }
    if (report.revision !== undefined && report.revision !== revision) {
      return { isCurrent: false, instead: `processed revision ${report.revision}, not ${revision}` };
    }
    this.packages += 1;
    this.#sums.addAll(totals);
    return { isCurrent: true, instead: '' };
  }

  get totals(): MeterTotals {
    return this.#sums.totals();
  }
}

type Listing = Awaited<ReturnType<ReturnType<typeof httpInvoiceApi>['listPeriod']>>;

/** One page; asks again when the API has no room or gives no answer. */
async function pageOf(ask: () => Promise<Listing>, signal: AbortSignal): Promise<Listing & { kind: 'listed' }> {
  let reason = '';
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const outcome = await ask();
    if (outcome.kind === 'listed') return outcome;
    reason = outcome.reason;
    if (outcome.kind !== 'throttled' && outcome.kind !== 'unknown') break;
    const asked = outcome.kind === 'throttled' ? outcome.retryAfterMilliseconds : undefined;
    const pause = Math.min(asked ?? PAUSE_MILLISECONDS * attempt, LONGEST_PAUSE_MILLISECONDS);
    await delay(pause, undefined, { signal });
  }
  throw new ListingFailed(`The invoice API does not list what it holds, so nothing can be compared: ${reason}`);
}
