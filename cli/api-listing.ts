import type { PackageReport } from '../lib/invoice-api/invoice-api.ts';
import type { PeriodId } from '../lib/periods/periods.ts';
import type { Cloud } from './cloud.ts';
import { CommandFailed } from './errors.ts';

const TRIES = 20;
const LONGEST_WAIT_MILLISECONDS = 60_000;

/**
 * All that the invoice API holds for a period, page by page. Waits as long as the API asks for when it has no room.
 * @throws CommandFailed when it does not answer or refuses
 */
export async function listedByApi(cloud: Cloud, periodId: PeriodId): Promise<PackageReport[]> {
  const api = await cloud.invoiceApi();
  const packages: PackageReport[] = [];
  try {
    let cursor: string | undefined;
    for (let tries = 0; tries < TRIES; ) {
      const outcome = await api.listPeriod(periodId, cursor);
      if (outcome.kind === 'listed') {
        packages.push(...outcome.packages);
        cursor = outcome.nextCursor;
        tries = 0;
        if (cursor === undefined) return packages;
      } else if (outcome.kind === 'throttled' || outcome.kind === 'unknown') {
        tries += 1;
        const asked = outcome.kind === 'throttled' ? outcome.retryAfterMilliseconds : undefined;
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(asked ?? 250 * 2 ** tries, LONGEST_WAIT_MILLISECONDS)),
        );
        if (tries === TRIES) throw unanswered(cloud, outcome.reason);
      } else {
        throw unanswered(cloud, outcome.reason);
      }
    }
    return packages;
  } finally {
    api.close();
  }
}

function unanswered(cloud: Cloud, reason: string): CommandFailed {
  return new CommandFailed(
    'INVOICE_API',
    `The invoice API at ${cloud.outputs.InvoiceApiUrl} did not list the period: ${reason}. Try: npx halfmonth doctor`,
  );
}
