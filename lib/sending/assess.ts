import * as z from 'zod/mini';
import type { Notification } from '../runs/notifications.ts';
import type { RunContext } from '../runs/run.ts';
import type { PackageCounts } from '../store/package-reader.ts';
import { CanaryFailed, PackagesParked, TooManyPackagesFailed, TooManyRounds } from './errors.ts';
import {
  CANARY_CHUNK,
  type Canary,
  canarySelection,
  EVERYTHING,
  loadCanary,
  parseTaskInput,
  runContext,
  saveCanary,
  wholeRun,
} from './selection.ts';
import type { Deciding } from './sending.ts';
import { assessmentOfVersion1 } from './version-1.ts';

const assessInput = z.object({
  run: runContext,
  /** The state machine's state; the last assessment is in it. */
  state: z.optional(z.object({ assessment: z.optional(z.object({ round: z.number() })) })),
});

/** What a run does next. */
export interface Assessment extends ReturnType<typeof assessmentOfVersion1> {
  /**
   * `send`: turns are taken until nothing is left to be sent or asked for. `approve`: a person has to decide on what is
   * held.
   */
  next: 'send' | 'approve' | 'done';
  /** How often people had decided in the period before the packages were counted; only where they are asked. */
  decisions?: number;
  /** How often the run has been assessed. */
  round: number;
  counts: PackageCounts['states'];
}

/**
 * A round is some 20 events of the parent execution's history, and 25,000 are the limit
 * (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
export const ROUNDS_PER_EXECUTION = 500;

/** With fewer finished packages than this, a share says nothing while others are still on their way. */
const FINISHED_FOR_A_SHARE = 20;

/**
 * Counts a run's packages and decides what comes next. Calling it again is always right: it changes nothing but its
 * notes of the counts and that the canary passed.
 * @throws PackagesParked when only packages that wait for a person are left
 * @throws CanaryFailed when too many of the packages sent first failed
 * @throws TooManyPackagesFailed when too many packages failed at all
 * @throws TooManyRounds when the execution's history is nearly full
 * @throws InvalidTaskInput
 */
export async function assess(input: unknown, deciding: Deciding): Promise<Assessment> {
  const { run, state } = parseTaskInput(assessInput, input);
  const round = (state?.assessment?.round ?? 0) + 1;
  if (round > ROUNDS_PER_EXECUTION) throw new TooManyRounds(run.period.id, round);
  const canary = await loadCanary(run, deciding.runs);
  if (canary && !canary.passed) {
    const counts = await deciding.countPackages(canarySelection(run, canary), startOf(run));
    const { ready, sending, submitted } = counts.states;
    if (ready + sending + submitted > 0) return nextStep(deciding, round, counts, CANARY_CHUNK);
    await judgeCanary(run, canary, counts, deciding);
  }
  const { decisions, ...counts } = await countWithDecisions(run, deciding);
  await keepCounts(run, counts.states, deciding);
  await judgeFailures(run, counts, deciding);
  const { held, ready, sending, submitted, parked } = counts.states;
  // Parked packages would end the run, and nobody could be asked any more.
  if (ready + sending + submitted === 0 && held > 0)
    return { ...nextStep(deciding, round, counts, EVERYTHING), next: 'approve', decisions: decisions ?? 0 };
  if (ready + sending + submitted === 0 && parked > 0) {
    await tell(deciding, { type: 'Packages Parked', detail: { ...named(run), parked } });
    throw new PackagesParked(run.period.id, parked);
  }
  return nextStep(deciding, round, counts, EVERYTHING);
}

/** When the run was started, in the form in which attempts say when they were made. */
function startOf({ startedAt }: RunContext): string {
  return new Date(startedAt).toISOString();
}

/**
 * Where packages are held, people may decide at any moment, so they are counted once more after it is known how often
 * people had decided.
 */
async function countWithDecisions(
  run: RunContext,
  deciding: Deciding,
): Promise<PackageCounts & Pick<Assessment, 'decisions'>> {
  const count = () => deciding.countPackages(wholeRun(run), startOf(run));
  const counts = await count();
  if (counts.states.held === 0) return counts;
  const decisions = await deciding.decisions(run.period.id);
  return { ...(await count()), decisions };
}

function nextStep({ clock }: Deciding, round: number, { states }: PackageCounts, chunk: string): Assessment {
  const isOutstanding = states.ready + states.sending + states.submitted > 0;
  return {
    next: isOutstanding ? 'send' : 'done',
    round,
    ...assessmentOfVersion1(clock.now(), chunk),
    counts: states,
  };
}

/** For those who ask how the run stands: counting anew takes as long as there are packages. */
function keepCounts(run: RunContext, states: PackageCounts['states'], { runs, clock }: Deciding): Promise<void> {
  const counts = { at: new Date(clock.now()).toISOString(), states };
  return runs.updateRunRecord(run.period.id, { runId: run.runId, startedAt: run.startedAt, counts });
}

async function judgeCanary(
  run: RunContext,
  canary: Canary,
  { ofRun: { failed } }: PackageCounts,
  deciding: Deciding,
): Promise<void> {
  const { failureShareLimit } = deciding.settings;
  if (failed / canary.size > failureShareLimit) {
    await tell(deciding, { type: 'Canary Stopped', detail: { ...named(run), failed, size: canary.size } });
    throw new CanaryFailed(run.period.id, failed, canary.size, failureShareLimit);
  }
  await saveCanary(run, { ...canary, passed: true }, deciding.runs);
}

async function judgeFailures(run: RunContext, { states, ofRun }: PackageCounts, deciding: Deciding): Promise<void> {
  const { failureShareLimit } = deciding.settings;
  const { failed } = ofRun;
  const finished = failed + ofRun.processed;
  const isAtEnd = states.ready + states.sending + states.submitted === 0;
  const isTooFew = finished < FINISHED_FOR_A_SHARE;
  if (failed === 0 || failed / finished <= failureShareLimit || (isTooFew && !isAtEnd)) return;
  await tell(deciding, { type: 'Failure Share Exceeded', detail: { ...named(run), failed, finished } });
  // A small run has nothing left to stop at its end; failing it would only keep its period from being certified.
  if (isTooFew) return;
  throw new TooManyPackagesFailed(run.period.id, failed, finished, failureShareLimit);
}

function named(run: RunContext) {
  return { periodId: run.period.id, runId: run.runId };
}

/** The error that follows matters more than whether the event went out. */
export async function tell({ notifications }: Deciding, notification: Notification): Promise<void> {
  try {
    await notifications.notify(notification);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
