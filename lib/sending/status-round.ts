import * as z from 'zod/mini';
import { cancelTurn } from '../quota/calendar.ts';
import { turnIdOfRun } from '../quota/turn-ids.ts';
import type { RunContext } from '../runs/run.ts';
import type { PackageSelection } from '../store/outstanding-packages.ts';
import { InvoiceApiRefusedCredentials } from './errors.ts';
import { NARROWING_READS, PollTurn, type PollTurnResult } from './poll-turn.ts';
import type { SendingWithApi } from './sending.ts';
import { inTurn } from './turns.ts';

const agedPackages = z.object({ packages: z.number(), logarithms: z.number() });

/** What a chunk's state keeps of its rounds of status reads. */
export const statusRounds = {
  /** As in the result of a turn, over all rounds. */
  aged: z._default(agedPackages, { packages: 0, logarithms: 0 }),
  /** Milliseconds since the epoch: when the last whole round of reads ended. */
  lastRoundAt: z.exactOptional(z.number()),
  /** Where a round that the quota cut short goes on. */
  cursor: z.exactOptional(z.string()),
};

/** The rounds of status reads of one chunk, as they travel through the state machine. */
export type StatusRounds = z.output<z.ZodMiniObject<typeof statusRounds>>;

/** One round, or as much of it as one turn allowed. */
export interface StatusRound {
  /** Absent when there was nothing to read, or it was somebody else's turn. */
  result?: PollTurnResult;
  rounds: StatusRounds;
  /** Packages of which the outcome is still to be asked for. */
  pending: number;
  /** When to read again, milliseconds since the epoch. */
  nextAt: number;
}

/** With fewer outcomes, nobody knows how long this API takes. */
const OUTCOMES_FOR_A_PACE = 10;

/** Takes back the booking of a round that somebody else's turn prevented. */
export function dropBooking(run: RunContext, chunk: string, { calendar }: SendingWithApi): Promise<unknown> {
  return calendar.change((current) => ({ calendar: cancelTurn(current, turnIdOfRun(run.runId, 'status', chunk)) }));
}

/**
 * Asks in one turn for the status of a chunk's submitted packages.
 * @throws InvoiceApiRefusedCredentials when the API answers 401 or 403
 */
export async function readStatuses(
  { run, chunk, rounds }: { run: RunContext; chunk: string; rounds: StatusRounds },
  selection: PackageSelection,
  sending: SendingWithApi,
): Promise<StatusRound> {
  const submitted = await sending.outstanding.count(selection, 'submitted');
  const { clock, settings } = sending;
  const startedAt = clock.now();
  if (submitted === 0) {
    const nextAt = startedAt + settings.pollStartMilliseconds;
    return { rounds: { aged: rounds.aged, lastRoundAt: startedAt }, pending: 0, nextAt };
  }
  const request = {
    id: turnIdOfRun(run.runId, 'status', chunk),
    kind: 'status' as const,
    requests: Math.ceil(submitted / 50) + 2 + NARROWING_READS,
  };
  const answer = await inTurn(sending, request, ({ pacer, health }) =>
    new PollTurn(sending, selection, pacer, health, rounds.lastRoundAt ?? 0).poll(rounds.cursor),
  );
  if ('waitUntil' in answer) return { rounds, pending: submitted, nextAt: answer.waitUntil };
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  const now = clock.now();
  const aged = {
    packages: rounds.aged.packages + result.aged.packages,
    logarithms: rounds.aged.logarithms + result.aged.logarithms,
  };
  // A round that was cut short goes on as soon as the quota allows, which the next turn finds out.
  if (result.cursor !== undefined) {
    return { result, rounds: { ...rounds, aged, cursor: result.cursor }, pending: submitted, nextAt: now + 1_000 };
  }
  const nextAt = nextRoundAt(result, aged, rounds.lastRoundAt, sending);
  return { result, rounds: { aged, lastRoundAt: now }, pending: result.pending, nextAt };
}

/**
 * How old packages of this chunk typically become before they are finished, in milliseconds; 0 while too few are known.
 */
export function typicalAgeOf({ aged: { packages, logarithms } }: Pick<StatusRounds, 'aged'>): number {
  // The geometric mean: a few that take days say nothing about the rest.
  return packages < OUTCOMES_FOR_A_PACE ? 0 : Math.exp(logarithms / packages);
}

function nextRoundAt(
  result: PollTurnResult,
  aged: StatusRounds['aged'],
  lastRoundAt: number | undefined,
  { clock, settings }: SendingWithApi,
): number {
  const now = clock.now();
  if (result.pending === 0) return now + settings.pollStartMilliseconds;
  const youngestAge = now - (result.youngestSubmittedAt ?? now);
  const sinceLast = now - (lastRoundAt ?? now - youngestAge);
  const wait = nextPollWait(
    { ...result, youngestAge, sinceLast, typicalAge: typicalAgeOf({ aged }) },
    { start: settings.pollStartMilliseconds, maximum: settings.pollMaximumMilliseconds },
  );
  return now + wait;
}

/** What one round of status reads saw. Times in milliseconds. */
export interface PollRound {
  /** Packages that are still being worked on. */
  pending: number;
  /** Packages of which the outcome became known. */
  finished: number;
  /** Since the youngest pending package was submitted. */
  youngestAge: number;
  /** Since the round before, or since the youngest package was submitted. */
  sinceLast: number;
  /** The age that packages of this run typically reach before they are finished; absent while nobody knows. */
  typicalAge?: number | undefined;
}

/** Waiting this share of a package's age costs at most as much of its processing time. */
const AGE_SHARE = 0.5;

/**
 * How long to wait before packages are asked for again, in milliseconds. While outcomes keep coming, half the time in
 * which the rest would follow at the pace seen in this run; when none comes, ever longer, in proportion to the age of
 * the youngest package: days of processing cost a few dozen reads. Packages that were sent again are first asked for
 * when they are as old as packages of this run typically become.
 */
export function nextPollWait(round: PollRound, limits: { start: number; maximum: number }): number {
  const { pending, finished, youngestAge, sinceLast, typicalAge = 0 } = round;
  const byAge = Math.max(limits.start, youngestAge * AGE_SHARE, typicalAge - youngestAge);
  const byPace = finished > 0 ? Math.max(limits.start, (0.5 * pending * sinceLast) / finished) : byAge;
  return Math.min(limits.maximum, byAge, byPace);
}
