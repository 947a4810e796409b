import { callerWords } from '../../lib/interventions/intervention.ts';
import type { PackageAttempt, PackageHead } from '../../lib/packages/package.ts';
import type { Day } from '../../lib/periods/days.ts';
import type { Period, PeriodId } from '../../lib/periods/periods.ts';
import type { FailedRead } from '../../lib/quota/calendar.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import { command } from '../terminal/next-command.ts';

/** One day of a client as it was recorded last, and as it stands now. */
export interface ExplainedDay {
  day: Day;
  /** In the daily record, as packaging folded it last. */
  recorded: { events: number; totals: MeterTotals };
  /** By its usage slices, joined with the record where some have expired; absent where no slice is kept. */
  counted?: { events: number; totals: MeterTotals };
}

/** All that is known about one client in one period, and about the period's runs. */
export interface ClientFacts {
  clientId: string;
  period: Period;
  /** Milliseconds since the epoch. */
  now: number;
  periodEndsAt: number;
  days: readonly ExplainedDay[];
  slices: number;
  heads: readonly PackageHead[];
  /** RFC 3339, UTC; absent while the period is open. */
  closedAt?: string | undefined;
  run?: RunFacts | undefined;
  openLateEvents: number;
  /** The last status read of any package that had no usable answer; absent when all had one lately. */
  failedRead?: FailedRead | undefined;
}

/** The run that has the period now, or had it last. */
export interface RunFacts {
  runId: string;
  /** As Step Functions says: RUNNING, SUCCEEDED, FAILED, ABORTED, TIMED_OUT. */
  status: string;
  startedAt: string;
  error?: string | undefined;
  expectedEndAt?: string | undefined;
  clients?: readonly string[] | undefined;
}

/** Whether the client is done, why not, and what happens next, in words. */
export interface Explanation {
  clientId: string;
  periodId: PeriodId;
  /** Processed, all of it, with nothing counted since. */
  isDone: boolean;
  /** Somebody has to do something. */
  needsPerson: boolean;
  headline: string;
  details: string[];
  next: string;
}

/** Answers "why isn't it done?" for one client. */
export function explainClient(facts: ClientFacts): Explanation {
  const verdict = verdictOf(facts);
  return {
    clientId: facts.clientId,
    periodId: facts.period.id,
    ...verdict,
    details: [...usageDetails(facts), ...facts.heads.flatMap(packageDetails), ...runDetails(facts)],
  };
}

type Verdict = Pick<Explanation, 'isDone' | 'needsPerson' | 'headline' | 'next'>;

function verdictOf(facts: ClientFacts): Verdict {
  const { clientId, period, heads, days, now, periodEndsAt } = facts;
  const uncounted = facts.days.filter(isNewer);
  if (heads.length === 0) {
    if (days.length === 0) {
      return waits(
        `${clientId} has no usage in ${period.id}: nothing was counted, so there is nothing to bill.`,
        `If there should be some, look for its events among the rejected: ${command('rejected')}`,
      );
    }
    if (now < periodEndsAt) {
      return waits(
        `${clientId} is being counted: ${period.id} runs until ${period.to}.`,
        `A run after ${iso(periodEndsAt)} makes its package.`,
      );
    }
    return waits(
      `${clientId} has usage in ${period.id} and no package yet: no run has packaged it.`,
      nextOfRun(facts, `Start one: ${command('run')} ${period.id}`),
    );
  }
  const worst = heads.find(({ state }) => state === 'parked') ?? heads.find(({ state }) => state !== 'processed');
  if (worst) return verdictOfPackage(worst, facts);
  if (uncounted.length > 0 || facts.openLateEvents > 0) {
    const events = uncounted.reduce(
      (sum, { counted, recorded }) => sum + Math.max(0, (counted?.events ?? 0) - recorded.events),
      0,
    );
    return waits(
      `${clientId} is processed for ${period.id}, but ${plural(Math.max(events, facts.openLateEvents), 'event')} came after its package was made.`,
      nextOfRun(
        facts,
        `The next run of ${period.id} sends a correction: ${command('run')} ${period.id} --client ${clientId}`,
      ),
    );
  }
  const [head] = heads;
  return {
    isDone: true,
    needsPerson: false,
    headline: `${clientId} is done for ${period.id}: revision ${head?.revision} is processed, and nothing was counted since.`,
    next: 'Nothing is left to do.',
  };
}

function verdictOfPackage(head: PackageHead, facts: ClientFacts): Verdict {
  const { packageId, state, reason, attemptCount } = head;
  switch (state) {
    case 'held':
      return {
        isDone: false,
        needsPerson: true,
        headline: `${packageId} revision ${head.revision} is held and waits for approval${because(reason)}`,
        next: `Look at it, then: ${command('approve')} ${facts.period.id} --client ${head.clientId} --reason TEXT (or refuse).`,
      };
    case 'parked':
      return {
        isDone: false,
        needsPerson: true,
        headline: `${packageId} is parked after ${plural(attemptCount, 'attempt')} and waits for a person${because(reason)}`,
        next: `Mend the cause, then: ${command('parked release')} ${packageId} --reason TEXT (or give-up), and redrive the run.`,
      };
    case 'rejected':
      return {
        isDone: false,
        needsPerson: true,
        headline: `${packageId} revision ${head.revision} is rejected${because(reason)}`,
        next:
          `Mend the cause, then: ${command('parked release')} ${packageId} --reason TEXT, and redrive the run or start one. ` +
          'Until then, or until the usage changes, this client is not billed for it.',
      };
    case 'ready':
      return waits(
        `${packageId} revision ${head.revision} is ready and waits for its turn to be sent${notBefore(head, facts.now)}${because(lastReason(head))}`,
        nextOfRun(facts, `No run is sending: ${command('run')} ${facts.period.id}`),
      );
    case 'sending':
      return waits(
        `${packageId} revision ${head.revision} is being sent; its outcome is not known yet.`,
        `If the sender crashed, another takes over at ${iso(head.leaseUntil ?? facts.now)} with the same key and bytes.`,
      );
    case 'submitted':
      return waits(
        `${packageId} revision ${head.revision} was accepted by the invoice API${head.submittedAt ? ` at ${iso(head.submittedAt)}` : ''} and is ${doubt(head, facts)}`,
        nextOfRun(facts, `No run asks for its status: ${command('run')} ${facts.period.id}`),
      );
    case 'processed':
      return waits(`${packageId} is processed.`, '');
  }
}

function notBefore({ dueAt = 0 }: PackageHead, now: number): string {
  return dueAt > now ? `, not before ${iso(dueAt)}` : '';
}

/** What is known of a package that the API has: not much while its status cannot be read. */
function doubt({ remark }: PackageHead, { failedRead }: ClientFacts): string {
  if (remark !== undefined) return `not done there. ${remark}`;
  if (failedRead)
    return `not known to be done: its status could not be read at ${iso(failedRead.at)}: ${failedRead.reason}`;
  return 'being worked on there.';
}

function usageDetails({ days, slices }: ClientFacts): string[] {
  if (days.length === 0) return [];
  const counted = days.reduce((sum, day) => sum + (day.counted?.events ?? day.recorded.events), 0);
  const recorded = days.reduce((sum, day) => sum + day.recorded.events, 0);
  const first = days[0]?.day;
  const last = days.at(-1)?.day;
  return [
    `Usage: ${plural(counted, 'event')} in ${plural(slices, 'slice')} on ${plural(days.length, 'day')} (${first} to ${last}); ` +
      (counted === recorded ? 'all folded into daily records.' : `${recorded} folded into daily records so far.`),
  ];
}

function packageDetails(head: PackageHead): string[] {
  const { packageId, revision, submission, state, attempts, attemptCount, lastProcessedRevision, remark } = head;
  const processed =
    state !== 'processed' && lastProcessedRevision > 0
      ? `; revision ${lastProcessedRevision} was processed before`
      : '';
  return [
    `Package ${packageId}: revision ${revision}, submission ${submission}, ${state}, ${plural(attemptCount, 'attempt')}${processed}.`,
    ...(remark === undefined ? [] : [`  remark: ${remark}`]),
    ...attempts.map((attempt) => `  ${attemptWords(attempt)}`),
  ];
}

/** One attempt in a line. */
export function attemptWords({ at, action, revision, submission, outcome, ...rest }: PackageAttempt): string {
  const { httpStatus, latencyMilliseconds, requestId, reason, by } = rest;
  const traces = [
    httpStatus === undefined ? undefined : `HTTP ${httpStatus}`,
    latencyMilliseconds === undefined ? undefined : `${Math.round(latencyMilliseconds)} ms`,
    requestId === undefined ? undefined : `request ${requestId}`,
    by === undefined ? undefined : `by ${callerWords(by)}`,
  ].filter((trace) => trace !== undefined);
  const told = traces.length > 0 ? ` (${traces.join(', ')})` : '';
  return `${at} ${action} r${revision}.s${submission}: ${outcome}${told}${reason ? `: ${reason}` : ''}`;
}

function runDetails({ run, closedAt, openLateEvents }: ClientFacts): string[] {
  return [
    ...(closedAt ? [`The period was closed at ${closedAt}; what is counted since is late.`] : []),
    ...(openLateEvents > 0
      ? [
          `${plural(openLateEvents, 'late event')} of this client ${openLateEvents === 1 ? 'is' : 'are'} in no package yet.`,
        ]
      : []),
    ...(run
      ? [
          `Last run: ${run.runId}, ${run.status.toLowerCase()}, started ${run.startedAt}${run.error ? `; ${run.error.replace(/\.$/, '')}` : ''}${run.status === 'RUNNING' && run.expectedEndAt ? `; sending ends about ${run.expectedEndAt}` : ''}.`,
        ]
      : []),
  ];
}

function nextOfRun({ run, clientId }: ClientFacts, otherwise: string): string {
  if (run?.status === 'RUNNING') {
    if (run.clients && !run.clients.includes(clientId)) {
      return `Run ${run.runId} is running, but for other clients only. ${otherwise}`;
    }
    const end = run.expectedEndAt ? `, done about ${run.expectedEndAt}` : '';
    return `Run ${run.runId} is running and sees to it${end}: ${command('status')}`;
  }
  if (run && ['FAILED', 'ABORTED', 'TIMED_OUT'].includes(run.status)) {
    return `Run ${run.runId} ${run.status.toLowerCase()}. When the cause is mended: ${command('redrive')} ${run.runId}`;
  }
  return otherwise;
}

function isNewer({ counted, recorded }: ExplainedDay): boolean {
  return counted !== undefined && counted.events > recorded.events;
}

function lastReason({ attempts }: PackageHead): string | undefined {
  const last = attempts.at(-1);
  return last && `last: ${last.outcome}${last.reason ? `, ${last.reason}` : ''}`;
}

function because(reason: string | undefined): string {
  return reason ? `: ${reason}` : '.';
}

function waits(headline: string, next: string): Verdict {
  return { isDone: false, needsPerson: false, headline, next };
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function iso(instant: number): string {
  return new Date(instant).toISOString();
}
