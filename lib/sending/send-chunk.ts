import * as z from 'zod/mini';
import { bookTurn, type TurnRequest } from '../quota/calendar.ts';
import type { PackageSelection } from '../store/outstanding-packages.ts';
import { InvoiceApiRefusedCredentials } from './errors.ts';
import { parseTaskInput, runContext, selectionOf } from './selection.ts';
import { SendTurn, type SendTurnResult } from './send-turn.ts';
import type { Sending, SendingWithApi } from './sending.ts';
import { NO_STATUS_ROUNDS, readStatuses, statusRounds } from './status-round.ts';
import { inTurn, momentOf } from './turns.ts';

const chunkInput = z.object({ run: runContext, chunk: z.string() });

const booking = z.object({
  /** RFC 3339, whole seconds: when to send. */
  startsAt: z.string(),
});

const sendInput = z.object({
  ...chunkInput.shape,
  booking,
  /** Packages that were still to be sent when last counted. */
  remaining: z.number(),
  /** Turns so far. */
  turns: z.number(),
  /** Packages that were accepted, rejected or parked since this chunk began, and those of them that were not accepted. */
  settled: z._default(z.number(), 0),
  rejected: z._default(z.number(), 0),
  rounds: z._default(z.object(statusRounds), NO_STATUS_ROUNDS),
  /** Milliseconds since the epoch: until then, nobody asks what became of what has been sent. 0 before the first turn. */
  readAt: z._default(z.number(), 0),
  done: z.boolean(),
});

/** The state of sending one chunk, as it travels through the state machine. */
export type SendChunkState = z.output<typeof sendInput>;

/**
 * A child execution ends after so many turns, however much is left; `assess` then begins another. A turn is at most 9
 * events, and 25,000 are the limit (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
export const TURNS_PER_CHUNK = 1_500;
/** So many failures in one chunk, and a limit on them, call for a decision. */
export const FAILURES_WORTH_A_LOOK = 20;
/** Status reads between two turns of sending are left to a later one when the Lambda has less time than this. */
const TIME_FOR_READING_MILLISECONDS = 120_000;

/**
 * Books the first turn of a chunk. Booking again for the same chunk replaces.
 * @throws InvalidTaskInput
 */
export async function bookQuota(input: unknown, sending: Sending): Promise<SendChunkState> {
  const { run, chunk } = parseTaskInput(chunkInput, input);
  const selection = await selectionOf(run, chunk, sending.runs);
  const remaining =
    (await sending.outstanding.count(selection, 'ready')) + (await sending.outstanding.count(selection, 'sending'));
  const request = turnRequest(run.runId, chunk, remaining);
  const { startsAt } = await sending.calendar.change((calendar) => bookTurn(calendar, request, momentOf(sending)));
  sending.metrics.count('RequestsBooked', remaining);
  const nothingYet = {
    turns: 0,
    settled: 0,
    rejected: 0,
    rounds: NO_STATUS_ROUNDS,
    readAt: 0,
    done: false,
  };
  return { run, chunk, booking: { startsAt: wholeSecond(startsAt) }, remaining, ...nothingYet };
}

/**
 * Sends one turn of a chunk and books the next, or says when to come again, or that the chunk is done. Between two turns it
 * asks what became of what has been sent: at a slow API that is hours before the last package is.
 * @throws InvoiceApiRefusedCredentials when the API answers 401 or 403, also with a token read anew
 * @throws InvalidTaskInput
 */
export async function sendChunk(input: unknown, sending: SendingWithApi): Promise<SendChunkState> {
  const state = parseTaskInput(sendInput, input);
  if (state.done) return state;
  const selection = await selectionOf(state.run, state.chunk, sending.runs);
  const request = turnRequest(state.run.runId, state.chunk, state.remaining);
  const answer = await inTurn(sending, request, ({ pacer, health }) =>
    new SendTurn(sending, selection, pacer, health).send(),
  );
  const turns = state.turns + 1;
  if ('waitUntil' in answer) return nextTurn({ ...state, turns }, nextTry(answer.waitUntil, sending.clock.now()));
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  const sent = {
    ...state,
    turns,
    settled: state.settled + result.settled,
    rejected: state.rejected + result.rejected,
  };
  if (!result.remaining) return { ...sent, remaining: 0, done: true };
  const read = await readBetweenTurns(sent, selection, sending);
  if (isForAssess(read, sending)) return { ...read, done: true };
  return nextTurn(await bookNext(read, result, sending));
}

async function readBetweenTurns(
  state: SendChunkState,
  selection: PackageSelection,
  sending: SendingWithApi,
): Promise<SendChunkState> {
  const { clock, settings } = sending;
  const now = clock.now();
  // What has just been sent is asked for after a while; the first turn is always too young.
  if (state.readAt === 0) return { ...state, readAt: now + settings.pollStartMilliseconds };
  if (now < state.readAt || sending.remainingMilliseconds() < TIME_FOR_READING_MILLISECONDS) return state;
  const read = await readStatuses(state, selection, sending);
  const readAt = Number.isFinite(read.nextAt) ? read.nextAt : clock.now() + settings.pollStartMilliseconds;
  return { ...state, rounds: read.rounds, readAt, rejected: state.rejected + (read.result?.rejected ?? 0) };
}

/** Whether so many packages failed that `assess` should judge before the rest is sent. */
function isForAssess({ rejected, settled }: SendChunkState, { settings }: Sending): boolean {
  return rejected >= FAILURES_WORTH_A_LOOK && rejected > settled * settings.failureShareLimit;
}

async function bookNext(
  state: SendChunkState,
  { settled, notBefore }: SendTurnResult,
  sending: Sending,
): Promise<SendChunkState> {
  const remaining = Math.max(1, state.remaining - settled);
  const request = turnRequest(state.run.runId, state.chunk, remaining);
  const { startsAt } = await sending.calendar.change((calendar) => bookTurn(calendar, request, momentOf(sending)));
  return { ...state, remaining, booking: { startsAt: wholeSecond(Math.max(startsAt, notBefore)) } };
}

function nextTurn(state: SendChunkState, startsAt?: number): SendChunkState {
  return {
    ...state,
    ...(startsAt === undefined ? {} : { booking: { startsAt: wholeSecond(startsAt) } }),
    done: state.turns >= TURNS_PER_CHUNK,
  };
}

/**
 * When to come again. A Wait state lets a moment in the past go by, so where the whole second before has come already it is
 * the one after: otherwise the state machine would go round without a pause until the moment is there.
 */
function nextTry(waitUntil: number, now: number): number {
  return Math.floor(waitUntil / 1000) * 1000 > now ? waitUntil : waitUntil + 999;
}

/** Some are sent twice, because an answer was lost, and the count may be a moment old. */
function turnRequest(runId: string, chunk: string, remaining: number): TurnRequest {
  return { id: `${runId}/send/${chunk}`, kind: 'send', requests: Math.ceil(remaining * 1.1) + 10 };
}

/** Wait states know whole seconds. Rounded down: the rest is waited for in the turn, where it is exact. */
export function wholeSecond(milliseconds: number): string {
  return new Date(Math.floor(milliseconds / 1000) * 1000).toISOString();
}
