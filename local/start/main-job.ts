import type { FileForm } from '../../lib/event-files/event-file.ts';
import { acceptanceWindowAt } from '../../lib/events/consumption-event.ts';
import type { BillingCalendar } from '../../lib/periods/days.ts';
import { endOfPeriod, type PeriodId, periodOf } from '../../lib/periods/periods.ts';
import { sendMessages } from '../../lib/queues/send-messages.ts';
import { Expectation } from './expectation.ts';
import { type FileFindings, fileMessages } from './file-messages.ts';
import type { LocalService } from './local-service.ts';
import type { Progress } from './progress.ts';
import { untilAtMost, untilDrained } from './queue-drained.ts';
import { RefusedLines } from './refused-lines.ts';
import { funnelText, type RunResult, runPeriod } from './run-period.ts';
import type { SampleMeters } from './sample-event.ts';
import { distinctEventsOf, sampleMessages } from './sample-messages.ts';
import { registerSampleMeters } from './sample-meters.ts';

/** What is counted: a sample from a seed, or a person's own events. */
export type Load =
  | { kind: 'sample'; seed: number; clients: number; events: number; periodId: PeriodId; meters: SampleMeters }
  | { kind: 'file'; path: string; form: FileForm; bytes: number; refusedPath: string; periodId?: PeriodId };

/** What the job does. */
export interface MainJob {
  load: Load;
  calendar: BillingCalendar;
  maxAgeDays: number;
  /** Milliseconds since the epoch. */
  now: number;
  /** What has to be done when usage is counted and before a run begins. */
  beforeRun?: (periodId: PeriodId) => Promise<void>;
}

/** What was produced and how the runs ended. */
export interface MainJobResult {
  expectation: Expectation;
  /** The lines of a file that were not counted; absent for a sample. */
  refused?: RefusedLines;
  runs: RunResult[];
}

/** There is no period to close. */
export class NothingToClose extends Error {
  override readonly name = 'NothingToClose';
  readonly code = 'NOTHING_TO_CLOSE';
}

/**
 * Does what Halfmonth is for, once: events go to the queue, are counted, and each of their periods is closed.
 * @throws NothingToClose when no period with events has ended
 */
export async function runMainJob(
  service: LocalService,
  job: MainJob,
  progress: Progress,
  signal: AbortSignal,
): Promise<MainJobResult> {
  const { expectation, refused } = await produce(service, job, progress, signal);
  await count(service, expectation, progress, signal);
  const runs: RunResult[] = [];
  for (const periodId of periodsToClose(job, expectation, progress)) {
    await job.beforeRun?.(periodId);
    const stage = progress.begin(`closing ${periodId}`);
    const run = await runPeriod(
      service,
      periodId,
      {
        onFunnel(funnel) {
          const packages = Object.values(funnel).reduce((sum, state) => sum + state, 0);
          stage.update(funnel.processed, packages, funnelText(funnel));
        },
        onTrouble: (words) => progress.say(words),
      },
      signal,
    );
    stage.end(`${run.status === 'SUCCEEDED' ? '' : `${run.status}: `}${funnelText(run.funnel)}`);
    runs.push(run);
  }
  return { expectation, runs, ...(refused ? { refused } : {}) };
}

/** The local queue lives in memory: a large file must not gather in it. */
const MOST_MESSAGES_WAITING = 2_000;
const MESSAGES_BETWEEN_LOOKS = 200;

/** Passes bodies on, and waits while too many of them are in the queue. */
async function* paced(
  bodies: Iterable<string> | AsyncIterable<string>,
  { sqs, queues }: LocalService,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let passed = 0;
  for await (const body of bodies) {
    passed += 1;
    if (passed % MESSAGES_BETWEEN_LOOKS === 0) await untilAtMost(sqs, queues.events, MOST_MESSAGES_WAITING, signal);
    yield body;
  }
}

async function produce(
  service: LocalService,
  { load, calendar, maxAgeDays, now }: MainJob,
  progress: Progress,
  signal: AbortSignal,
): Promise<Pick<MainJobResult, 'expectation' | 'refused'>> {
  const { sqs, queues } = service;
  const expectation = new Expectation();
  if (load.kind === 'sample') {
    if (load.meters === 'all') await registerSampleMeters(service.tables);
    const stage = progress.begin('producing events');
    const sample = { ...load, period: periodOf(load.periodId), calendar, window: { now, maxAgeDays } };
    const expected = distinctEventsOf(sample);
    const bodies = paced(sampleMessages(sample, expectation), service, signal);
    await sendMessages(sqs, queues.events, bodies, () => stage.update(expectation.events(), expected), signal);
    stage.end(sentText(expectation));
    return { expectation };
  }
  const stage = progress.begin('producing events', 'bytes');
  const refused = new RefusedLines(load.refusedPath);
  const findings: FileFindings = { refused, conflicts: { count: 0 }, elsewhere: { count: 0 } };
  const file = {
    path: load.path,
    form: load.form,
    calendar,
    window: acceptanceWindowAt(now, maxAgeDays),
    onRead: (bytes: number, line: number) => stage.update(bytes, load.bytes, `${line} lines`),
  };
  const bodies = paced(fileMessages(file, expectation, findings), service, signal);
  await sendMessages(sqs, queues.events, bodies, () => {}, signal);
  stage.end(sentText(expectation));
  for (const text of repeatTexts(findings)) progress.say(text);
  return { expectation, refused };
}

async function count(
  { sqs, queues, lastBatchFailure, logFile }: LocalService,
  expectation: Expectation,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const stage = progress.begin('counting', 'messages');
  let told: string | undefined;
  await untilDrained(
    sqs,
    queues.events,
    (left) => {
      stage.update(expectation.messages - left, expectation.messages, `${left} left`);
      const failure = lastBatchFailure();
      if (failure === undefined || failure === told) return;
      told = failure;
      progress.say(`A batch failed and comes again in a few minutes: ${failure} (see ${logFile})`);
    },
    signal,
  );
  stage.end(`${expectation.messages} messages`);
}

/** The periods that are closed, in the order of time: the one that was named, or all with events that have ended. */
function periodsToClose({ load, calendar, now }: MainJob, expectation: Expectation, progress: Progress): PeriodId[] {
  if (load.periodId) return [load.periodId];
  const hasEnded = (periodId: PeriodId) => endOfPeriod(periodOf(periodId), calendar) <= now;
  const ended = expectation.periodIds.filter(hasEnded);
  const open = expectation.periodIds.filter((periodId) => !hasEnded(periodId));
  if (open.length > 0) progress.say(`${open.join(', ')} has not ended: its events are counted, and not closed.`);
  if (ended.length > 0) return ended;
  throw new NothingToClose('No event lies in a half month that has ended, so there is nothing to close.');
}

function sentText({ deliveries, messages }: Expectation): string {
  return `${deliveries} events in ${messages} messages`;
}

function repeatTexts({ conflicts, elsewhere }: FileFindings): string[] {
  return [
    ...(conflicts.count === 0
      ? []
      : [
          `${conflicts.count} events repeat the source and id of an earlier one of the same client and slice, with another time, ` +
            `meter or quantity (the first is on line ${conflicts.firstLine}): each counts as the first that is counted, so sums ` +
            'may differ below.',
        ]),
    ...(elsewhere.count === 0
      ? []
      : [
          `${elsewhere.count} events repeat the source and id of an earlier one with another client or time (the first is on line ` +
            `${elsewhere.firstLine}). They count once more: an event that is sent again must be the same event.`,
        ]),
  ];
}
