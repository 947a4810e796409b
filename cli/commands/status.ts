import { PACKAGE_STATES } from '../../lib/packages/package.ts';
import { endOfPeriod, type Period } from '../../lib/periods/periods.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { LateLedger } from '../../lib/store/late-ledger.ts';
import { summarizeOutstanding } from '../../lib/store/package-reader.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { causeOf } from '../executions/failed-chunks.ts';
import { blockOf, blockWords } from '../invoice-api/calendar-picture.ts';
import { nextSteps } from '../periods/next-steps.ts';
import { type OpenPeriod, openPeriods } from '../periods/open-periods.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { glanceAtStates, type LatestRun, latestRun, statesWords, sumOf } from '../periods/period-status.ts';
import { COST_BASIS, runCost } from '../periods/run-cost.ts';
import { bar } from '../terminal/bar.ts';
import { command } from '../terminal/next-command.ts';
import { dollarsWords, durationWords, plural, timeWords, totalsWords } from '../terminal/words.ts';

const BAR_WIDTH = 30;

/** How a period stands: run, packages by state, forecast, late usage, the oldest unprocessed package, cost so far. */
export async function run(context: Context, given: string | undefined): Promise<undefined> {
  const cloud = await context.cloud();
  const period = periodOrLast(given, cloud, context.output);
  const [status, open] = await Promise.all([statusOf(cloud, period), given === undefined ? openPeriods(cloud) : []]);
  const others = open.filter((each) => each.period.id !== period.id);
  const otherPeriods = others.map(({ period: { id }, ...left }) => ({ period: id, ...left }));
  context.output.result({
    command: 'status',
    target: cloud.target,
    ...status,
    ...(given === undefined ? { otherPeriods } : {}),
  });
  show(context, cloud, period, status);
  for (const other of others) context.output.line(otherWords(other));
}

function otherWords(other: OpenPeriod): string {
  const { period, isClosed, packagesParked, packagesRejected, lateEventsNotYetBilled } = other;
  const { id } = period;
  const left = [
    ...(packagesRejected > 0 ? [`${plural(packagesRejected, 'package')} rejected, not billed`] : []),
    ...(isClosed ? [] : ['has usage and is not closed']),
    ...(packagesParked > 0 ? [`${plural(packagesParked, 'package')} parked`] : []),
    ...(lateEventsNotYetBilled > 0 ? [`${plural(lateEventsNotYetBilled, 'late event')} not yet billed`] : []),
  ];
  return `also open  ${id}: ${left.join(', ')}; ${command('status')} ${id}`;
}

/** The same as an answer. */
export async function statusOf(cloud: Cloud, period: Period) {
  const runs = new RunStore(cloud.tables);
  const [run, state, late, certificates, outstanding, quotaCalendar] = await Promise.all([
    latestRun(cloud, period),
    runs.loadPeriodState(period.id),
    new LateLedger(cloud.tables).notYetBilled(period.id),
    new CertificateStore(cloud.tables).list(period.id, 1),
    summarizeOutstanding(cloud.tables, period.id),
    new QuotaCalendarStore(cloud.tables, 'invoice-api').load(),
  ]);
  // A run for a few clients counted those alone.
  const kept = run?.clients ? undefined : run?.counts;
  const { states, countedAt, isNow } = await glanceAtStates(cloud, period, kept, outstanding.states);
  const { oldestSubmitted: oldest } = outstanding;
  const { record: _record, ...latest } = run ?? { record: undefined };
  const block = blockOf(quotaCalendar, Date.now());
  const next = nextSteps({
    periodId: period.id,
    hasEnded: Date.now() >= endOfPeriod(period, cloud.calendar),
    run: run && { ...run, failure: await causeOf(cloud, run) },
    packages: states,
    rejectedTotals: certificates[0]?.billed.rejected,
    late,
    isCertified: certificates.length > 0,
    block: block.blockedUntil === undefined ? undefined : `until ${timeWords(block.blockedUntil)}`,
    tokenParameter: cloud.outputs.InvoiceApiTokenParameter,
  });
  return {
    period: period.id,
    closedAt: state?.closedAt ?? null,
    lastClosedAt: state?.lastClosedAt ?? null,
    run: run ? (latest as Omit<LatestRun, 'record'>) : null,
    packages: { total: sumOf(states), ...states },
    packagesCountedAt: countedAt,
    packagesAreNow: isNow,
    outstandingNow: outstanding.states,
    lateUsageNotYetBilled: late,
    oldestUnprocessed: oldest ? { ...oldest, ageSeconds: Math.round((Date.now() - oldest.submittedAt) / 1000) } : null,
    block,
    failedRead: quotaCalendar.reads?.failed ?? null,
    certificate: certificates[0] ? { runId: certificates[0].run.id, hash: certificates[0].hash } : null,
    estimatedCostUsd: runCost({ packages: sumOf(states) }),
    estimatedCostFrom: COST_BASIS,
    next,
  };
}

function show(context: Context, cloud: Cloud, period: Period, status: Awaited<ReturnType<typeof statusOf>>): void {
  const { output } = context;
  const { packages, run, lateUsageNotYetBilled: late, oldestUnprocessed: oldest } = status;
  output.line(`${output.style('bold', period.id)}  ${period.from} to ${period.to}, ${cloud.outputs.BillingTimeZone}`);
  if (packages.rejected > 0) output.line(output.style('red', rejectedWords(packages.rejected, period)));
  output.line(`run        ${runWords(run, endOfPeriod(period, cloud.calendar), period)}`);
  output.line(`packages   ${plural(packages.total, 'package')}, counted at ${status.packagesCountedAt.slice(0, 19)}Z`);
  for (const state of PACKAGE_STATES) {
    if (packages[state] === 0) continue;
    const count = String(packages[state]).padStart(9);
    output.line(`  ${state.padEnd(10)}${count}  ${bar(packages[state] / packages.total, BAR_WIDTH)}`);
  }
  if (!status.packagesAreNow) {
    output.line(
      `  so counted by the run; counting anew takes too long for a glance. Left now: ${sumOf(status.outstandingNow) === 0 ? 'nothing' : statesWords(status.outstandingNow)}`,
    );
  }
  const { blockedUntil, blockedBy } = status.block;
  if (blockedUntil !== undefined) {
    const words = blockWords({ blockedUntil, ...(blockedBy === undefined ? {} : { blockedBy }) });
    output.line(output.style('red', `blocked    nothing is sent ${words}; ${command('quota')}`));
  }
  if (status.failedRead && packages.submitted > 0) {
    const { at, reason } = status.failedRead;
    output.line(
      output.style('red', `reads      the status of packages could not be read at ${timeWords(at)}: ${reason}`),
    );
  }
  // A forecast made before the wait says nothing any more.
  if (run?.status === 'RUNNING' && run.forecast && Date.parse(run.forecast.expectedEndAt) > (blockedUntil ?? 0)) {
    const { expectedEndAt, deadline, isBeforeDeadline } = run.forecast;
    const verdict = deadline ? `, ${isBeforeDeadline ? 'before' : 'AFTER'} the deadline ${deadline}` : '';
    output.line(`forecast   sending ends about ${expectedEndAt}${verdict}`);
  }
  if (oldest)
    output.line(`oldest     ${oldest.packageId}, with the API for ${durationWords(oldest.ageSeconds * 1000)}`);
  output.line(
    late.events === 0
      ? 'late       nothing that is not billed'
      : `late       ${plural(late.events, 'event')} not yet billed: ${totalsWords(late.totals)}`,
  );
  output.line(
    status.certificate
      ? `certified  ${status.certificate.hash.slice(0, 16)}..., run ${status.certificate.runId}`
      : 'certified  not yet',
  );
  output.line(
    `cost       ${dollarsWords(status.estimatedCostUsd)} so far, estimated from the number of packages; see docs/cost.md`,
  );
  status.next.forEach((step, index) => {
    output.line(`${(index === 0 ? 'next' : '').padEnd(11)}${step.why}: ${step.command}`);
  });
}

function rejectedWords(count: number, { id }: Period): string {
  return `REJECTED   ${plural(count, 'package')}: nobody is billed for that usage; ${command('packages')} ${id} --status rejected`;
}

function runWords(run: Omit<LatestRun, 'record'> | null, endsAt: number, period: Period): string {
  if (!run) {
    return Date.now() < endsAt
      ? `none; the period ends at ${timeWords(endsAt)}`
      : `none yet; start one: ${command('run')} ${period.id}`;
  }
  const took = run.finishedAt ? ` in ${durationWords(Date.parse(run.finishedAt) - Date.parse(run.startedAt))}` : '';
  const failure = run.failure ? `: ${run.failure}` : '';
  return `${run.runId}, ${run.status.toLowerCase()}${took}, started ${run.startedAt}${failure}`;
}
