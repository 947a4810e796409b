import * as z from 'zod/mini';
import type { PackageSelection } from '../store/outstanding-packages.ts';
import { InvoiceApiRefusedCredentials } from './errors.ts';
import { nextPollWait } from './poll-pace.ts';
import { PollTurn, type PollTurnResult } from './poll-turn.ts';
import { parseTaskInput, runContext, selectionOf } from './selection.ts';
import { TURNS_PER_CHUNK, wholeSecond } from './send-chunk.ts';
import { SendTurn, type SendTurnResult } from './send-turn.ts';
import type { SendingWithApi } from './sending.ts';
import { inTurn } from './turns.ts';

const checkInput = z.object({
  run: runContext,
  chunk: z.string(),
  booking: z.object({ startsAt: z.string() }),
  turns: z._default(z.number(), 0),
  /** Packages rejected or parked since this chunk began. */
  rejected: z._default(z.number(), 0),
  /** As in the result of a turn, since this chunk began. */
  aged: z._default(z.object({ packages: z.number(), logarithms: z.number() }), { packages: 0, logarithms: 0 }),
  /** Milliseconds since the epoch: when the last whole round of reads ended. */
  lastRoundAt: z.exactOptional(z.number()),
  /** Where a round that the quota cut short goes on. */
  cursor: z.exactOptional(z.string()),
  done: z._default(z.boolean(), false),
});

/** The state of checking one chunk, as it travels through the state machine. */
export type CheckChunkState = z.output<typeof checkInput>;

/** With fewer outcomes, nobody knows how long this API takes. */
const OUTCOMES_FOR_A_PACE = 10;
/** So many failures in one chunk, and a limit on them, call for a decision. */
const FAILURES_WORTH_A_LOOK = 20;

/**
 * Asks what became of a chunk's submitted packages, sends again those that need it, and says when to come back, or that
 * nothing is left.
 * @throws InvoiceApiRefusedCredentials when the API answers 401 or 403
 * @throws StatusReadRefused when the API answers 400 to a status read
 * @throws InvalidTaskInput
 */
export async function checkChunk(input: unknown, sending: SendingWithApi): Promise<CheckChunkState> {
  const state = parseTaskInput(checkInput, input);
  if (state.done) return state;
  const selection = await selectionOf(state.run, state.chunk, sending.runs);
  const polled = await poll(state, selection, sending);
  const typicalAge = typicalAgeOf(polled.aged);
  const sent = await sendAgain(state, selection, sending, typicalAge ?? 0);
  const rejected = state.rejected + (polled.result?.rejected ?? 0) + (sent.result?.rejected ?? 0);
  const turns = state.turns + 1;
  const { lastRoundAt, cursor } = roundOf(state, polled.result, sending.clock.now());
  const nextAt = Math.min(polled.nextAt, sent.nextAt);
  const isForAssess = sending.settings.failureShareLimit < 1 && rejected >= FAILURES_WORTH_A_LOOK;
  return {
    run: state.run,
    chunk: state.chunk,
    booking: { startsAt: Number.isFinite(nextAt) ? wholeSecond(nextAt + 999) : state.booking.startsAt },
    turns,
    rejected,
    aged: polled.aged,
    ...(lastRoundAt === undefined ? {} : { lastRoundAt }),
    ...(cursor === undefined ? {} : { cursor }),
    done: !Number.isFinite(nextAt) || isForAssess || turns >= TURNS_PER_CHUNK,
  };
}

interface Polled {
  result?: PollTurnResult;
  aged: CheckChunkState['aged'];
  /** When to read again, milliseconds since the epoch; infinite when there is nothing to read. */
  nextAt: number;
}

async function poll(state: CheckChunkState, selection: PackageSelection, sending: SendingWithApi): Promise<Polled> {
  const { outstanding, clock, settings } = sending;
  const submitted = await outstanding.count(selection, 'submitted');
  if (submitted === 0) return { aged: state.aged, nextAt: Number.POSITIVE_INFINITY };
  const request = {
    id: `${state.run.runId}/status/${state.chunk}`,
    kind: 'status' as const,
    requests: Math.ceil(submitted / 50) + 2,
  };
  const answer = await inTurn(sending, request, ({ pacer, health }) =>
    new PollTurn(sending, selection, pacer, health, state.lastRoundAt ?? 0).poll(state.cursor),
  );
  if ('waitUntil' in answer) return { aged: state.aged, nextAt: answer.waitUntil };
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  const aged = together(state.aged, result.aged);
  if (result.pending === 0 && result.cursor === undefined) return { result, aged, nextAt: Number.POSITIVE_INFINITY };
  // A round that was cut short goes on as soon as the quota allows, which the next turn finds out.
  if (result.cursor !== undefined) return { result, aged, nextAt: clock.now() + 1_000 };
  const youngestAge = clock.now() - (result.youngestSubmittedAt ?? clock.now());
  const sinceLast = clock.now() - (state.lastRoundAt ?? clock.now() - youngestAge);
  const wait = nextPollWait(
    { ...result, youngestAge, sinceLast, typicalAge: typicalAgeOf(aged) },
    { start: settings.pollStartMilliseconds, maximum: settings.pollMaximumMilliseconds },
  );
  return { result, aged, nextAt: clock.now() + wait };
}

function together(one: CheckChunkState['aged'], other: CheckChunkState['aged']): CheckChunkState['aged'] {
  return { packages: one.packages + other.packages, logarithms: one.logarithms + other.logarithms };
}

/** The geometric mean, since a few that take days say nothing about the rest; nothing while too few are known. */
function typicalAgeOf({ packages, logarithms }: CheckChunkState['aged']): number | undefined {
  return packages < OUTCOMES_FOR_A_PACE ? undefined : Math.exp(logarithms / packages);
}

interface SentAgain {
  result?: SendTurnResult;
  /** When to send again or, where something was sent, to read; infinite when there was nothing to send. */
  nextAt: number;
}

/** A few packages to be sent again need no round through the state machine. */
async function sendAgain(
  state: CheckChunkState,
  selection: PackageSelection,
  sending: SendingWithApi,
  typicalAge: number,
): Promise<SentAgain> {
  const { outstanding, clock, settings } = sending;
  const waiting = (await outstanding.count(selection, 'ready')) + (await outstanding.count(selection, 'sending'));
  if (waiting === 0) return { nextAt: Number.POSITIVE_INFINITY };
  const request = { id: `${state.run.runId}/send/${state.chunk}`, kind: 'send' as const, requests: waiting * 2 };
  const answer = await inTurn(sending, request, ({ pacer, health }) =>
    new SendTurn(sending, selection, pacer, health).send(),
  );
  if ('waitUntil' in answer) return { nextAt: answer.waitUntil };
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  const wait = Math.min(settings.pollMaximumMilliseconds, Math.max(settings.pollStartMilliseconds, typicalAge));
  // What could not be sent yet is sent as soon as it may be; what has been is asked for when it may be done.
  return {
    result,
    nextAt: result.remaining
      ? Math.max(result.notBefore, clock.now() + settings.pollStartMilliseconds)
      : clock.now() + wait,
  };
}

function roundOf(
  state: CheckChunkState,
  result: PollTurnResult | undefined,
  now: number,
): Pick<CheckChunkState, 'lastRoundAt' | 'cursor'> {
  if (!result) return state;
  if (result.cursor !== undefined) return { ...state, cursor: result.cursor };
  return { lastRoundAt: now };
}
