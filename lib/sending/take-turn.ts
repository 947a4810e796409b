import * as z from 'zod/mini';
import { bookTurn, type TurnRequest } from '../quota/calendar.ts';
import { turnIdOfRun } from '../quota/turn-ids.ts';
import type { PackageSelection } from '../store/outstanding-packages.ts';
import { InvoiceApiNotThere, InvoiceApiRefusedCredentials } from './errors.ts';
import { forecastOf, keepForecast, loadForecast } from './run-forecast.ts';
import { parseTaskInput, runContext, selectionOf, wholeSecond } from './selection.ts';
import { SendTurn, type SendTurnResult } from './send-turn.ts';
import type { Sending, SendingWithApi } from './sending.ts';
import { dropBooking, readStatuses, statusRounds, typicalAgeOf } from './status-round.ts';
import { inTurn, momentOf } from './turns.ts';

const turnInput = z.object({
  run: runContext,
  /** `canary`, or a range of buckets. */
  chunk: z.string(),
  /** RFC 3339, whole seconds: when to come again. Absent before the first turn. */
  booking: z._default(z.object({ startsAt: z.string() }), { startsAt: '1970-01-01T00:00:00.000Z' }),
  turns: z._default(z.number(), 0),
  /** Packages that are still to be sent, as far as is known; 0 when nobody has counted. */
  remaining: z._default(z.number(), 0),
  /** Milliseconds since the epoch: nothing is sent before. */
  sendAt: z._default(z.number(), 0),
  /** Packages that are with the API, as far as is known. */
  pending: z._default(z.number(), 0),
  /** Milliseconds since the epoch: the status of packages is not asked for before. */
  readAt: z._default(z.number(), 0),
  /** What came of sending since this chunk began: packages accepted, rejected or parked, and those not accepted. */
  settled: z._default(z.number(), 0),
  rejected: z._default(z.number(), 0),
  /** What came of reading since then: packages that were found finished, and those that had failed. */
  found: z._default(z.object({ finished: z.number(), rejected: z.number() }), { finished: 0, rejected: 0 }),
  /** Requests of this chunk that were answered, and how long they took together. */
  answered: z._default(z.object({ requests: z.number(), milliseconds: z.number() }), { requests: 0, milliseconds: 0 }),
  /** Milliseconds since the epoch: when the end was forecast last. Absent before the first turn. */
  forecastAt: z.exactOptional(z.number()),
  ...statusRounds,
  done: z._default(z.boolean(), false),
});

/** The state of taking turns with one chunk, as it travels through the state machine. */
export type TurnState = z.output<typeof turnInput>;

/**
 * A child execution ends after so many turns, however much is left; `assess` then begins another. A turn is at most 9
 * events, and 25,000 are the limit (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
export const TURNS_PER_CHUNK = 2_000;
/** So many failures in one chunk, and a limit on them, call for a decision. */
const FAILURES_WORTH_A_LOOK = 20;
/** Sending gets so many times the time that reading between its turns took: two percent are what may be lost. */
const TURN_TO_READING = 50;
/** Nobody sleeps longer before something that is to be sent. */
const LONGEST_SLEEP_MILLISECONDS = 900_000;
/** How long a forecast stands while there is something to be sent. */
const FORECAST_MILLISECONDS = 900_000;

/**
 * Takes a turn: reads what is due, sends what is due, and says when to come again, or that nothing is left to be done.
 * Reading comes first, when the windows that both share have just become free.
 * @throws InvoiceApiRefusedCredentials when the API answers 401 or 403, also with a token read anew
 * @throws InvoiceApiNotThere when it answers 404, 405, 410 or a redirect and never answered anything else
 * @throws InvalidTaskInput
 */
export async function takeTurn(input: unknown, sending: SendingWithApi): Promise<TurnState> {
  const before = parseTaskInput(turnInput, input);
  if (before.done) return before;
  const selection = await selectionOf(before.run, before.chunk, sending.runs);
  const read = await readWhatIsDue({ ...before, turns: before.turns + 1 }, selection, sending);
  if (isForAssess(read, sending)) return ended(read, sending);
  const sent = await sendWhatIsDue(read, selection, sending);
  if (isForAssess(sent, sending)) return ended(sent, sending);
  return forecastAnew(sent, sending);
}

/** A deadline that will be missed after all is for those who can tell of it, so the chunk ends before its time. */
async function forecastAnew(state: TurnState, sending: SendingWithApi): Promise<TurnState> {
  const { run, remaining, answered } = state;
  const now = sending.clock.now();
  const forecastAt = state.forecastAt ?? now;
  if (remaining === 0 || now - forecastAt < FORECAST_MILLISECONDS)
    return comingAgain({ ...state, forecastAt }, sending);
  const before = await loadForecast(run, sending);
  const latency = answered.requests > 0 ? answered.milliseconds / answered.requests : before?.latencyMilliseconds;
  const forecast = await forecastOf(run, remaining, latency, sending);
  if (before?.isBeforeDeadline && forecast.isBeforeDeadline === false) {
    // The next plan makes this forecast again, at this latency, and tells of it.
    await keepForecast(run, { ...before, ...(latency === undefined ? {} : { latencyMilliseconds: latency }) }, sending);
    return ended(state, sending);
  }
  await keepForecast(run, forecast, sending);
  return comingAgain({ ...state, forecastAt: now }, sending);
}

async function readWhatIsDue(
  state: TurnState,
  selection: PackageSelection,
  sending: SendingWithApi,
): Promise<TurnState> {
  const { clock } = sending;
  const startedAt = clock.now();
  if (startedAt < state.readAt) return state;
  const { run, chunk, aged, lastRoundAt, cursor, ...rest } = state;
  const before = {
    aged,
    ...(lastRoundAt === undefined ? {} : { lastRoundAt }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  const { result, rounds, pending, nextAt } = await readStatuses({ run, chunk, rounds: before }, selection, sending);
  // A sender is not kept waiting by a booking that no task would come for.
  if (!result && pending > 0 && state.remaining > 0) await dropBooking(run, chunk, sending);
  const now = clock.now();
  // While packages wait to be sent, reading takes little of the time.
  const soonest = state.remaining > 0 ? now + (now - startedAt) * TURN_TO_READING : now;
  const { finished = 0, rejected = 0, again = 0, againFrom = 0 } = result ?? {};
  // Others that wait to be sent have a time already.
  const sendAt = state.remaining > 0 ? Math.min(state.sendAt, againFrom) : againFrom;
  return {
    ...rest,
    ...rounds,
    run,
    chunk,
    pending,
    readAt: Math.max(soonest, nextAt),
    remaining: state.remaining + again,
    ...(again > 0 ? { sendAt } : {}),
    found: { finished: state.found.finished + finished, rejected: state.found.rejected + rejected },
  };
}

async function sendWhatIsDue(
  state: TurnState,
  selection: PackageSelection,
  sending: SendingWithApi,
): Promise<TurnState> {
  const startedAt = sending.clock.now();
  // A task that is woken in the second before waits for the rest in the turn, where it is exact.
  if (startedAt + 1_000 <= state.sendAt) return state;
  const remaining = state.remaining || (await countToSend(selection, sending));
  if (remaining === 0) return state;
  const request = turnRequest(state, remaining, sending);
  const answer = await inTurn(sending, request, (turn) =>
    new SendTurn(sending, selection, turn, (result) => isForAssess(withTurn(state, result), sending)).send(),
  );
  if ('waitUntil' in answer) return { ...state, remaining, sendAt: nextTry(answer.waitUntil, startedAt) };
  const { result } = answer;
  if (result.credentialsRefused !== undefined) throw new InvoiceApiRefusedCredentials(result.credentialsRefused);
  if (result.wrongAddress !== undefined) throw new InvoiceApiNotThere(result.wrongAddress);
  const left = result.remaining ? Math.max(1, remaining - result.settled) : 0;
  const sent = { ...withTurn(state, result), remaining: left };
  const withReading =
    result.submitted > 0 ? readingFrom(sent, left > 0 ? startedAt : sending.clock.now(), sending) : sent;
  return left > 0 ? bookNext(withReading, result, sending) : withReading;
}

async function countToSend(selection: PackageSelection, { outstanding, metrics }: Sending): Promise<number> {
  const [ready, abandoned] = await Promise.all([
    outstanding.count(selection, 'ready'),
    outstanding.count(selection, 'sending'),
  ]);
  metrics.count('RequestsBooked', ready + abandoned);
  return ready + abandoned;
}

function withTurn(state: TurnState, { settled, rejected, submitted, answered }: SendTurnResult): TurnState {
  return {
    ...state,
    answered: {
      requests: state.answered.requests + answered.requests,
      milliseconds: state.answered.milliseconds + answered.milliseconds,
    },
    settled: state.settled + settled,
    rejected: state.rejected + rejected,
    pending: state.pending + submitted,
  };
}

/** What has just been sent is asked for when it may be done, at the least after a while. */
function readingFrom(state: TurnState, sentAt: number, { settings }: Sending): TurnState {
  const { pollStartMilliseconds: soonest, pollMaximumMilliseconds: latest } = settings;
  const readAt = sentAt + Math.max(soonest, Math.min(latest, typicalAgeOf(state)));
  const isOthersSooner = state.readAt > sentAt && state.readAt < readAt;
  return isOthersSooner ? state : { ...state, readAt };
}

async function bookNext(state: TurnState, { notBefore }: SendTurnResult, sending: Sending): Promise<TurnState> {
  const now = sending.clock.now();
  // Nobody makes room for a turn that comes late because of its packages; a person may release others meanwhile.
  if (notBefore > now) return { ...state, sendAt: Math.min(notBefore, now + LONGEST_SLEEP_MILLISECONDS) };
  const request = turnRequest(state, state.remaining, sending);
  const { startsAt } = await sending.calendar.change((calendar) => bookTurn(calendar, request, momentOf(sending)));
  return { ...state, sendAt: startsAt };
}

/** At the sooner of what is due next; when nothing is, the chunk is done. */
function comingAgain(state: TurnState, sending: Sending): TurnState {
  const { clock, settings } = sending;
  const { turns, remaining, sendAt, pending, readAt, settled, found } = state;
  const isFirstLook = turns === 1 && settled + found.finished === 0;
  if (remaining + pending === 0 && !isFirstLook) return ended(state, sending);
  const nextAt = Math.min(
    remaining > 0 ? sendAt : Number.POSITIVE_INFINITY,
    pending > 0 ? readAt + 999 : Number.POSITIVE_INFINITY,
    // The index follows the table after a moment, and somebody said that there is something to be done.
    remaining + pending === 0 ? clock.now() + settings.pollStartMilliseconds + 999 : Number.POSITIVE_INFINITY,
  );
  return { ...state, booking: { startsAt: wholeSecond(nextAt) }, done: turns >= TURNS_PER_CHUNK };
}

function ended(state: TurnState, { clock }: Sending): TurnState {
  return { ...state, booking: { startsAt: wholeSecond(clock.now()) }, done: true };
}

/** Whether so many packages failed that `assess` should judge before the rest is sent. */
function isForAssess({ rejected, settled, found }: TurnState, { settings }: Sending): boolean {
  const isTooMany = (failed: number, known: number) =>
    failed >= FAILURES_WORTH_A_LOOK && failed > known * settings.failureShareLimit;
  return isTooMany(rejected, settled) || isTooMany(found.rejected, found.finished);
}

/**
 * When to come again. A Wait state lets a moment in the past go by, so where the whole second before has come already
 * it is the one after: otherwise the state machine would go round without a pause until the moment is there.
 */
function nextTry(waitUntil: number, now: number): number {
  return Math.floor(waitUntil / 1000) * 1000 > now ? waitUntil : waitUntil + 999;
}

/** Some are sent twice, because an answer was lost, and the count may be a moment old. */
function turnRequest({ run, chunk }: TurnState, remaining: number, { settings }: Sending): TurnRequest {
  const requests = Math.ceil(remaining * (settings.requestsPerSubmission ?? 1) * 1.1) + 10;
  return { id: turnIdOfRun(run.runId, 'send', chunk), kind: 'send', requests };
}
