import * as z from 'zod/mini';
import { bookTurn, type TurnRequest } from '../quota/calendar.ts';
import { turnIdOfRun } from '../quota/turn-ids.ts';
import { BUCKETS } from '../store/keys.ts';
import { InvoiceApiNotThere, InvoiceApiRefusedCredentials } from './errors.ts';
import { CANARY_CHUNK, judgementIsDue, parseTaskInput, runContext, saveJudgement, selectionOf } from './selection.ts';
import { SendTurn, type SendTurnResult } from './send-turn.ts';
import type { Sending, SendingWithApi } from './sending.ts';
import { dropBooking, NO_STATUS_ROUNDS, readStatuses, statusRounds } from './status-round.ts';
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
  /** What came of sending since this chunk began: packages accepted, rejected or parked, and those not accepted. */
  settled: z._default(z.number(), 0),
  rejected: z._default(z.number(), 0),
  /** What came of reading since then: packages that were found finished, and those that had failed. */
  found: z._default(z.object({ finished: z.number(), rejected: z.number() }), { finished: 0, rejected: 0 }),
  rounds: z._default(z.object(statusRounds), NO_STATUS_ROUNDS),
  /**
   * Milliseconds since the epoch: until then, nobody asks what became of what has been sent. 0 before the first turn.
   */
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
const FAILURES_WORTH_A_LOOK = 20;
/** Sending gets so many times the time that reading between its turns took: two percent are what may be lost. */
const TURN_TO_READING = 50;
/**
 * Packages that come back later than this are left to be sent while the run waits, so that no other chunk waits for
 * them.
 */
export const LONGEST_WAIT_IN_SENDING_MILLISECONDS = 60_000;
/** The chunk of all packages. */
const EVERYTHING = `0-${BUCKETS - 1}`;

/**
 * Books the first turn of a chunk. Booking again for the same chunk replaces.
 * @throws InvalidTaskInput
 */
export async function bookQuota(input: unknown, sending: Sending): Promise<SendChunkState> {
  const { run, chunk } = parseTaskInput(chunkInput, input);
  const selection = await selectionOf(run, chunk, sending.runs);
  const remaining =
    (await sending.outstanding.count(selection, 'ready')) + (await sending.outstanding.count(selection, 'sending'));
  const request = turnRequest(run.runId, chunk, remaining, sending);
  const { startsAt } = await sending.calendar.change((calendar) => bookTurn(calendar, request, momentOf(sending)));
  sending.metrics.count('RequestsBooked', remaining);
  const nothingYet = {
    turns: 0,
    settled: 0,
    rejected: 0,
    found: { finished: 0, rejected: 0 },
    rounds: NO_STATUS_ROUNDS,
    readAt: 0,
  };
  // When too many have failed, assess decides before any other chunk begins.
  const done = await judgementIsDue(run, sending.runs);
  return { run, chunk, booking: { startsAt: wholeSecond(startsAt) }, remaining, ...nothingYet, done };
}

/**
 * Sends one turn of a chunk and books the next, or says when to come again, or that the chunk is done. Before a turn it
 * asks now and then what became of what the run has sent: at a slow API that is hours before the last package is.
 * @throws InvoiceApiRefusedCredentials when the API answers 401 or 403, also with a token read anew
 * @throws InvoiceApiNotThere when it answers 404, 405, 410 or a redirect and never answered anything else
 * @throws InvalidTaskInput
 */
export async function sendChunk(input: unknown, sending: SendingWithApi): Promise<SendChunkState> {
  const before = parseTaskInput(sendInput, input);
  if (before.done) return before;
  const state = await withStatusesRead(before, sending);
  if (isForAssess(state, sending)) return endForAssess(state, sending);
  const selection = await selectionOf(state.run, state.chunk, sending.runs);
  const request = turnRequest(state.run.runId, state.chunk, state.remaining, sending);
  const answer = await inTurn(sending, request, ({ pacer, health }) =>
    new SendTurn(sending, selection, pacer, health, (result) => isForAssess(withTurn(state, result), sending)).send(),
  );
  const turns = state.turns + 1;
  if ('waitUntil' in answer) return nextTurn({ ...state, turns }, nextTry(answer.waitUntil, sending.clock.now()));
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  if (result.wrongAddress !== undefined) throw new InvoiceApiNotThere(result.wrongAddress);
  const sent = { ...withTurn(state, result), turns };
  if (isForAssess(sent, sending)) return endForAssess(sent, sending);
  const areLate = result.notBefore > sending.clock.now() + LONGEST_WAIT_IN_SENDING_MILLISECONDS;
  if (!result.remaining || areLate) return { ...sent, remaining: 0, done: true };
  return nextTurn(await bookNext(sent, result, sending));
}

/**
 * Reads before a turn of sending, when the windows that both share have just become free; what a turn has left of them
 * is seldom a request. All of the run's packages, since chunks may be days apart.
 */
async function withStatusesRead(state: SendChunkState, sending: SendingWithApi): Promise<SendChunkState> {
  const { clock, settings } = sending;
  const startedAt = clock.now();
  // What has just been sent is asked for after a while; before the first turn there is nothing.
  if (state.readAt === 0) return { ...state, readAt: startedAt + settings.pollStartMilliseconds };
  if (startedAt < state.readAt) return state;
  const selection = await selectionOf(
    state.run,
    state.chunk === CANARY_CHUNK ? CANARY_CHUNK : EVERYTHING,
    sending.runs,
  );
  const read = await readStatuses({ run: state.run, chunk: EVERYTHING, rounds: state.rounds }, selection, sending);
  // Whoever sends is not kept waiting by a booking that nobody would come for.
  if (!read.result) await dropBooking(state.run, EVERYTHING, sending);
  const now = clock.now();
  const soonest = now + (now - startedAt) * TURN_TO_READING;
  const readAt = Math.max(soonest, Number.isFinite(read.nextAt) ? read.nextAt : now + settings.pollStartMilliseconds);
  const found = {
    finished: state.found.finished + (read.result?.finished ?? 0),
    rejected: state.found.rejected + (read.result?.rejected ?? 0),
  };
  return { ...state, rounds: read.rounds, readAt, found };
}

function withTurn(state: SendChunkState, { settled, rejected }: SendTurnResult): SendChunkState {
  return { ...state, settled: state.settled + settled, rejected: state.rejected + rejected };
}

async function endForAssess(state: SendChunkState, sending: Sending): Promise<SendChunkState> {
  await saveJudgement(state.run, { isDue: true }, sending.runs);
  return { ...state, done: true };
}

/** Whether so many packages failed that `assess` should judge before the rest is sent. */
function isForAssess({ rejected, settled, found }: SendChunkState, { settings }: Sending): boolean {
  const isTooMany = (failed: number, known: number) => isWorthALook(failed, known, settings.failureShareLimit);
  return isTooMany(rejected, settled) || isTooMany(found.rejected, found.finished);
}

/** Whether so many packages of one chunk failed that somebody should judge the whole run. */
export function isWorthALook(failed: number, known: number, failureShareLimit: number): boolean {
  return failed >= FAILURES_WORTH_A_LOOK && failed > known * failureShareLimit;
}

async function bookNext(
  state: SendChunkState,
  { settled, notBefore }: SendTurnResult,
  sending: Sending,
): Promise<SendChunkState> {
  const remaining = Math.max(1, state.remaining - settled);
  const request = turnRequest(state.run.runId, state.chunk, remaining, sending);
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
 * When to come again. A Wait state lets a moment in the past go by, so where the whole second before has come already
 * it is the one after: otherwise the state machine would go round without a pause until the moment is there.
 */
function nextTry(waitUntil: number, now: number): number {
  return Math.floor(waitUntil / 1000) * 1000 > now ? waitUntil : waitUntil + 999;
}

/** Some are sent twice, because an answer was lost, and the count may be a moment old. */
function turnRequest(runId: string, chunk: string, remaining: number, { settings }: Sending): TurnRequest {
  const requests = Math.ceil(remaining * (settings.requestsPerSubmission ?? 1) * 1.1) + 10;
  return { id: turnIdOfRun(runId, 'send', chunk), kind: 'send', requests };
}

/** Wait states know whole seconds. Rounded down: the rest is waited for in the turn, where it is exact. */
export function wholeSecond(milliseconds: number): string {
  return new Date(Math.floor(milliseconds / 1000) * 1000).toISOString();
}
