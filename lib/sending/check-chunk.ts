import * as z from 'zod/mini';
import { turnIdOfRun } from '../quota/turn-ids.ts';
import type { PackageSelection } from '../store/outstanding-packages.ts';
import { InvoiceApiRefusedCredentials } from './errors.ts';
import { parseTaskInput, runContext, selectionOf } from './selection.ts';
import { isWorthALook, TURNS_PER_CHUNK, wholeSecond } from './send-chunk.ts';
import { SendTurn, type SendTurnResult } from './send-turn.ts';
import type { SendingWithApi } from './sending.ts';
import { readStatuses, statusRounds, typicalAgeOf } from './status-round.ts';
import { inTurn } from './turns.ts';

const checkInput = z.object({
  run: runContext,
  chunk: z.string(),
  booking: z.object({ startsAt: z.string() }),
  turns: z._default(z.number(), 0),
  /** Packages rejected or parked since this chunk began. */
  rejected: z._default(z.number(), 0),
  /** Packages of which the outcome became known since this chunk began. */
  finished: z._default(z.number(), 0),
  ...statusRounds,
  done: z._default(z.boolean(), false),
});

/** The state of checking one chunk, as it travels through the state machine. */
export type CheckChunkState = z.output<typeof checkInput>;

/**
 * Asks what became of a chunk's submitted packages, sends again those that need it, and says when to come back, or that
 * nothing is left.
 * @throws InvoiceApiRefusedCredentials when the API answers 401 or 403
 * @throws StatusReadRefused when the API answers 400 to a status read
 * @throws InvalidTaskInput
 */
export async function checkChunk(input: unknown, sending: SendingWithApi): Promise<CheckChunkState> {
  const { run, chunk, booking, turns, rejected, finished, done, ...rounds } = parseTaskInput(checkInput, input);
  if (done) return { run, chunk, booking, turns, rejected, finished, ...rounds, done };
  const selection = await selectionOf(run, chunk, sending.runs);
  const read = await readStatuses({ run, chunk, rounds }, selection, sending);
  const sent = await sendAgain(turnIdOfRun(run.runId, 'send', chunk), selection, sending, typicalAgeOf(read.rounds));
  const failed = rejected + (read.result?.rejected ?? 0) + (sent.result?.rejected ?? 0);
  const nextAt = Math.min(read.nextAt, sent.nextAt);
  const known = finished + (read.result?.finished ?? 0);
  const isForAssess = isWorthALook(failed, known, sending.settings.failureShareLimit);
  return {
    run,
    chunk,
    booking: { startsAt: Number.isFinite(nextAt) ? wholeSecond(nextAt + 999) : booking.startsAt },
    turns: turns + 1,
    rejected: failed,
    finished: known,
    ...read.rounds,
    done: !Number.isFinite(nextAt) || isForAssess || turns + 1 >= TURNS_PER_CHUNK,
  };
}

interface SentAgain {
  result?: SendTurnResult;
  /** When to send again or, where something was sent, to read; infinite when there was nothing to send. */
  nextAt: number;
}

/** A few packages to be sent again need no round through the state machine. */
async function sendAgain(
  turnId: string,
  selection: PackageSelection,
  sending: SendingWithApi,
  typicalAge: number,
): Promise<SentAgain> {
  const { outstanding, clock, settings } = sending;
  const waiting = (await outstanding.count(selection, 'ready')) + (await outstanding.count(selection, 'sending'));
  if (waiting === 0) return { nextAt: Number.POSITIVE_INFINITY };
  const request = { id: turnId, kind: 'send' as const, requests: waiting * 2 };
  const answer = await inTurn(sending, request, ({ pacer, health }) =>
    new SendTurn(sending, selection, pacer, health).send(),
  );
  if ('waitUntil' in answer) return { nextAt: answer.waitUntil };
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  const soonest = clock.now() + settings.pollStartMilliseconds;
  if (result.remaining) return { result, nextAt: Math.max(result.notBefore, soonest) };
  // What has gone out again is asked for when it may be done.
  return { result, nextAt: Math.max(soonest, clock.now() + Math.min(settings.pollMaximumMilliseconds, typicalAge)) };
}
