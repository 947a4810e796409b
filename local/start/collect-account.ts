import { MeterSums } from '../../lib/certificate/meter-sums.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import type { InvoiceApiSimulator } from '../invoice-api-simulator/simulator.ts';
import type { LocalService } from './local-service.ts';
import type { MainJobResult } from './main-job.ts';
import { readPeriodAccount } from './period-account.ts';
import { ProcessedSums, processedIds } from './processed-by-api.ts';
import { messagesIn } from './queue-drained.ts';
import type { MainJobAccount } from './reconciliation.ts';
import { countRejected } from './rejected-events.ts';
import { ResendReasons } from './resends.ts';

/** Where the packages went. */
export type InvoiceApiAccess =
  | { kind: 'simulator'; simulator: InvoiceApiSimulator }
  | { kind: 'own'; url: string; token: string };

/** What all stations say, and which packages were sent again. */
export interface CollectedAccount {
  account: MainJobAccount;
  resends: ResendReasons;
}

/** Asks every station of the way what it holds. */
export async function collectAccount(
  service: LocalService,
  { expectation, runs }: MainJobResult,
  api: InvoiceApiAccess,
  signal: AbortSignal,
): Promise<CollectedAccount> {
  const closed = runs.map(({ periodId }) => periodId);
  const resends = new ResendReasons();
  const days = { events: 0, sums: new MeterSums() };
  const packages = { count: 0, sums: new MeterSums() };
  const ownApi = { packages: 0, sums: new MeterSums() };
  let countedEvents = 0;
  for (const periodId of expectation.periodIds) {
    const isClosed = closed.includes(periodId);
    const processed =
      isClosed && api.kind === 'own' ? new ProcessedSums(await processedIds(api, periodId, signal)) : undefined;
    const period = await readPeriodAccount(service, periodId, (head: PackageHead, totals) => {
      resends.add(head);
      processed?.add(head, totals);
    });
    countedEvents += period.countedEvents;
    if (!isClosed) continue;
    days.events += period.days.events;
    days.sums.addAll(period.days.totals);
    packages.count += period.packages.count;
    packages.sums.addAll(period.packages.totals);
    ownApi.packages += processed?.packages ?? 0;
    ownApi.sums.addAll(processed?.totals ?? {});
  }
  return {
    resends,
    account: {
      closedPeriods: closed,
      produced: {
        events: expectation.events(),
        eventsInClosedPeriods: expectation.events(closed),
        totalsInClosedPeriods: expectation.totals(closed),
        malformed: expectation.malformed(),
      },
      counted: { events: countedEvents },
      rejected: await countRejected(service.sqs, service.queues.rejected),
      deadLetters: await messagesIn(service.sqs, service.queues.deadLetters),
      days: { events: days.events, totals: days.sums.totals() },
      packages: { count: packages.count, totals: packages.sums.totals() },
      ...(api.kind === 'simulator'
        ? simulatorAccount(api.simulator, closed)
        : { processed: { packages: ownApi.packages, totals: ownApi.sums.totals() } }),
      runs,
    },
  };
}

/** The simulator adds up by itself what it processed, from the bytes that it got. */
function simulatorAccount(
  simulator: InvoiceApiSimulator,
  closed: readonly PeriodId[],
): Pick<MainJobAccount, 'processed' | 'simulator'> {
  const report = simulator.report();
  const sums = new MeterSums();
  for (const periodId of closed) sums.addAll(report.totals[periodId] ?? {});
  return {
    processed: { packages: report.packages.processed, totals: sums.totals() },
    simulator: { quotaViolations: report.violations, acceptedTwice: report.acceptedTwice },
  };
}
