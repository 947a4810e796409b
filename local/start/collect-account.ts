import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import type { InvoiceApiSimulator } from '../invoice-api-simulator/simulator.ts';
import type { MainJobResult } from './main-job.ts';
import { contentOf, PackageFindings } from './package-findings.ts';
import { readPeriodAccount } from './period-account.ts';
import { ProcessedSums, processedIds } from './processed-by-api.ts';
import { messagesIn } from './queue-drained.ts';
import type { MainJobAccount } from './reconciliation.ts';
import { countRejected } from './rejected-events.ts';
import { ResendReasons } from './resends.ts';
import type { Session } from './session.ts';
import { ToldSums } from './told-sums.ts';
import type { VendorAccess } from './vendor-access.ts';

/** What all stations say, and which packages were sent again. */
export interface CollectedAccount {
  account: MainJobAccount;
  resends: ResendReasons;
  packages: PackageFindings;
}

/** Asks every station of the way what it holds. */
export async function collectAccount(
  { service, api, stalls }: Pick<Session, 'service' | 'api' | 'stalls'>,
  { expectation, runs }: MainJobResult,
  signal: AbortSignal,
): Promise<CollectedAccount> {
  const closed = runs.map(({ periodId }) => periodId);
  const resends = new ResendReasons();
  const findings = new PackageFindings();
  const processedByPackage = api.kind === 'simulator' ? api.simulator.totalsByPackage() : {};
  const days = { events: 0, sums: new MeterSums() };
  const packages = { count: 0, sums: new MeterSums() };
  const ownApi = { packages: 0, sums: new MeterSums() };
  const told = api.kind === 'vendor' ? new ToldSums(api, closed.length === 1) : undefined;
  let countedEvents = 0;
  for (const periodId of expectation.periodIds) {
    const isClosed = closed.includes(periodId);
    const processed =
      isClosed && api.kind === 'own' ? new ProcessedSums(await processedIds(api, periodId, signal)) : undefined;
    const period = await readPeriodAccount(service, periodId, (head: PackageHead, totals) => {
      resends.add(head);
      if (!isClosed) return;
      findings.add(
        head,
        totals,
        processed?.add(head, totals) ??
          told?.add(head, totals) ??
          contentOf(totals, processedByPackage[head.packageId]),
      );
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
    packages: findings,
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
      refused: { packages: findings.refused.count, totals: findings.refusedTotals },
      ...(told ? { rounded: told.account() } : {}),
      ...(api.kind === 'own'
        ? { processed: { packages: ownApi.packages, totals: ownApi.sums.totals() } }
        : api.kind === 'vendor'
          ? vendorAccount(api, stalls.longest())
          : simulatorAccount(api.simulator, closed, stalls.longest())),
      runs,
    },
  };
}

/** The simulator adds up by itself what it processed, from the bytes that it got. */
function simulatorAccount(
  simulator: InvoiceApiSimulator,
  closed: readonly PeriodId[],
  longestStall: number,
): Pick<MainJobAccount, 'processed' | 'simulator'> {
  const report = simulator.report();
  const sums = new MeterSums();
  for (const periodId of closed) sums.addAll(report.totals[periodId] ?? {});
  return {
    processed: { packages: report.packages.processed, totals: sums.totals() },
    simulator: {
      quotaViolations: report.violations,
      // Of this machine's time, as the stalls are.
      earlyBy: report.earlyBy / report.timeScale,
      longestStall,
      acceptedTwice: report.acceptedTwice,
    },
  };
}

/** A vendor's books are added up from the requests that its simulation got. */
function vendorAccount(
  { simulation, billed }: VendorAccess,
  longestStall: number,
): Pick<MainJobAccount, 'processed' | 'simulator'> {
  const { rules, violations, earlyBy } = simulation.api;
  return {
    processed: { packages: rules.packages().length, totals: billed() },
    simulator: { quotaViolations: violations(), earlyBy: earlyBy(), longestStall },
  };
}
