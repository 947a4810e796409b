import type { Caller, DecisionOfPerson } from '../interventions/intervention.ts';
import { shortestTime } from './forecast.ts';
import { arrivedBy, CLOCK_SKEW_MILLISECONDS, compacted, earliest, type PastRequests } from './history.ts';
import { limitsOf, type Quota, type QuotaLimit, type RequestKind } from './quota.ts';

/** A turn that somebody means to take. It keeps the order among several runs; it promises no requests. */
export interface BookedTurn {
  id: string;
  kind: RequestKind;
  requests: number;
  startsAt: number;
}

/** A turn under way: until it ends, nobody else sends. */
export interface OpenTurn {
  id: string;
  kind: RequestKind;
  /** The most that it may send. */
  requests: number;
  clock: string;
  openedAt: number;
  /** Its holder sends nothing after this moment, by its own clock. */
  until: number;
  /** From then on, by any clock that is right, its holder is taken to have crashed, and all its requests for sent. */
  expiresAt: number;
}

/**
 * The shared record of requests to one invoice API: what has gone out, who sends now, who is next. Senders take turns,
 * and only the one whose turn it is sends. So at each request its sender knows every other request that the API can
 * have seen, and sliding windows are kept strictly, whatever the API's latency. All times are milliseconds since the
 * epoch.
 */
export interface QuotaCalendar {
  past: readonly PastRequests[];
  open?: OpenTurn;
  booked: readonly BookedTurn[];
  /** Everybody stays away until then: the API asked for it, or gave no usable answers. */
  blockedUntil: number;
  /** Why, in words for a person: who said so, and how. Absent where an earlier release wrote it. */
  blockedBy?: string;
  /** How often in a row it did so. */
  blocksInARow: number;
  /** How many requests in a row, over all turns, had no usable answer. */
  failuresInARow: number;
  /** When the API last gave a usable answer; absent when it never did, or where an earlier release wrote it. */
  answeredAt?: number;
  /** The last block that a person lifted. */
  lifted?: LiftedBlock;
  /** The last time that a table was restored; absent while none ever was. */
  restored?: Restored;
  /**
   * When a send was last answered usably; absent when none ever was, or where an earlier release wrote the calendar.
   */
  sendsAnsweredAt?: number;
  /** The package that alone had the failures in a row. */
  onlyFailing?: string;
  /** Since when no send has had a usable answer; absent while they are answered. */
  noAnswerSince?: number;
  /**
   * How status reads fare: reads that work say nothing about sends. Absent where an earlier release wrote the calendar;
   * the members above are of sends.
   */
  reads?: ReadsHealth;
}

/** How status reads fare, over all turns. Times in milliseconds since the epoch. */
export interface ReadsHealth {
  blocksInARow: number;
  failuresInARow: number;
  noAnswerSince?: number;
  /** Nothing is read before, since reads had no usable answers; sends go on. */
  blockedUntil?: number;
  /** What the last of the latest turn's reads without a usable answer came to, in words; absent when all had one. */
  failed?: FailedRead;
}

/** A status read without a usable answer. */
export interface FailedRead {
  at: number;
  reason: string;
}

/** Until when no request of a kind may leave. */
export function blockOfKind(calendar: QuotaCalendar, kind: RequestKind): number {
  return Math.max(calendar.blockedUntil, kind === 'status' ? (calendar.reads?.blockedUntil ?? 0) : 0);
}

/** A block that a person lifted before its time. */
export interface LiftedBlock {
  at: number;
  /** The person's own words. */
  reason: string;
  /** Absent where an earlier release wrote it. */
  by?: Caller;
  blockedUntil: number;
  blockedBy?: string;
}

/** Tables went back to an earlier moment: what was sent between the two, they do not know. */
export interface Restored {
  /** When it was done. */
  at: number;
  /** The moment that the tables went back to. */
  since: number;
}

/** How requests of one kind have fared in the turns before. */
export interface KindHealth {
  blocksInARow: number;
  failuresInARow: number;
  /** When such a request was last answered usably. */
  lastAnsweredAt?: number | undefined;
  onlyFailing?: string | undefined;
  /** Since when none of them has had a usable answer. */
  noAnswerSince?: number | undefined;
}

/** How requests of one kind have fared so far. */
export function healthOf(calendar: QuotaCalendar, kind: RequestKind): KindHealth {
  const { blocksInARow, failuresInARow, sendsAnsweredAt, onlyFailing, noAnswerSince } = calendar;
  if (kind === 'status') return calendar.reads ?? { blocksInARow: 0, failuresInARow: 0 };
  return { blocksInARow, failuresInARow, lastAnsweredAt: sendsAnsweredAt, onlyFailing, noAnswerSince };
}

/** For how long the API has given no usable answer to requests of the kind that fares worst, in milliseconds. */
export function silenceOf(calendar: QuotaCalendar, now: number): number {
  const since = [calendar.noAnswerSince, calendar.reads?.noAnswerSince].filter((each) => each !== undefined);
  return Math.max(0, ...since.map((moment) => now - moment));
}

export const EMPTY_CALENDAR: QuotaCalendar = {
  past: [],
  booked: [],
  blockedUntil: 0,
  blocksInARow: 0,
  failuresInARow: 0,
};

/**
 * Before the first request of a turn, or when the API asks to stay away, a Lambda waits no longer; it comes again
 * instead.
 */
export const LONGEST_PAUSE_MILLISECONDS = 5_000;

/** A booked turn that nobody has taken for so long is dropped. */
const FORFEIT_MILLISECONDS = 60_000;
/** Nobody sleeps through a longer stretch of a block: a person may lift it. */
const LONGEST_BLOCKED_SLEEP_MILLISECONDS = 900_000;
/** Time for one turn to end and the next to begin. */
const CHANGEOVER_MILLISECONDS = 250;
/** One who finds a turn open comes back no sooner. */
const SHORTEST_RETURN_MILLISECONDS = 2_000;
/**
 * What a turn is given at the least, for slow answers and a new connection, and for each request on top of twice the
 * time that the quota asks for. A turn that needed more is followed by another; one that crashed keeps everybody
 * waiting no longer.
 */
const SHORTEST_TURN_MILLISECONDS = 15_000;
const TURN_MILLISECONDS_PER_REQUEST = 1_000;
/** A turn begins up to this share of its window later when it can then send more at once, */
const WORTHWHILE_DELAY = 0.01;
/** and no more than this: in an hour or a day, the next turn loses nothing by being smaller. */
const LONGEST_WORTHWHILE_DELAY_MILLISECONDS = 1_000;

/** Who asks, and what for. */
export interface TurnRequest {
  id: string;
  kind: RequestKind;
  requests: number;
}

/** When, by whose clock, under which quota. */
export interface CalendarMoment {
  quota: Quota;
  now: number;
  /** Names the clock: the same name never stands for two machines. */
  clock: string;
}

/**
 * Books a turn at the next moment that is worth it; booking again under the same id replaces.
 * @returns startsAt when to come: at that moment, or before it, to see whether what stands in the way is still there
 */
export function bookTurn(
  calendar: QuotaCalendar,
  request: TurnRequest,
  moment: CalendarMoment,
): { calendar: QuotaCalendar; startsAt: number } {
  const { now } = moment;
  const others = calendar.booked.filter(
    ({ id, startsAt }) => id !== request.id && startsAt + FORFEIT_MILLISECONDS > now,
  );
  const afterOpen = calendar.open && calendar.open.id !== request.id ? expectedEnd(calendar.open, moment) : now;
  const free = worthwhileStart({ ...calendar, booked: others }, request, moment);
  const startsAt = others
    .toSorted((one, other) => one.startsAt - other.startsAt)
    .reduce(
      (start, other) =>
        other.startsAt <= start ? Math.max(start, other.startsAt + CHANGEOVER_MILLISECONDS * 4) : start,
      Math.max(free, afterOpen, blockOfKind(calendar, request.kind)),
    );
  return {
    calendar: { ...calendar, booked: [...others, { ...request, startsAt }] },
    startsAt: Math.min(startsAt, nextLook(calendar, others, request, moment)),
  };
}

/**
 * When what stands in the way may be gone: somebody who booked before us may never come, which shows a minute after
 * their moment, and a person may lift a block.
 */
function nextLook(
  calendar: QuotaCalendar,
  others: readonly BookedTurn[],
  request: TurnRequest,
  moment: CalendarMoment,
): number {
  const { now } = moment;
  const alone = worthwhileStart({ ...calendar, booked: [] }, request, moment);
  const forfeited = Math.min(...others.map(({ startsAt }) => startsAt)) + FORFEIT_MILLISECONDS + 1;
  const blockedUntil = blockOfKind(calendar, request.kind);
  const lifted = blockedUntil > now ? now + LONGEST_BLOCKED_SLEEP_MILLISECONDS : Number.POSITIVE_INFINITY;
  return Math.max(now, Math.min(Math.max(alone, forfeited, Math.min(blockedUntil, lifted)), lifted));
}

/** Lifts a block before its time: the next one to look sends, and blocks begin small again. */
export function liftBlock(calendar: QuotaCalendar, { reason, by }: DecisionOfPerson, now: number): QuotaCalendar {
  const { blockedBy, blockedUntil, noAnswerSince: _unheard, ...rest } = calendar;
  const lifted = { at: now, reason, by, blockedUntil, ...(blockedBy === undefined ? {} : { blockedBy }) };
  const reads = { blocksInARow: 0, failuresInARow: 0 };
  return { ...rest, blockedUntil: 0, blocksInARow: 0, failuresInARow: 0, reads, lifted };
}

/**
 * What a calendar has to be once tables were restored. Nobody knows what was sent since the moment that they went back
 * to, so the most that the quota allowed in that time is taken for sent just now: no window can be exceeded. And it is
 * kept that it was done, so that senders ask the API for each package before they send it again.
 */
export function restoredCalendar(
  calendar: QuotaCalendar,
  quota: Quota,
  { at, since }: Restored,
): QuotaCalendar & { restored: Restored } {
  const spent = (['send', 'status'] as const).flatMap((kind): PastRequests[] => {
    const limits = limitsOf(quota, kind);
    if (limits.length === 0) return [];
    return [{ kind, at, slack: 0, count: Math.min(...limits.map((limit) => mostIn(limit, at - since))), clock: '' }];
  });
  // Tables that went back twice know nothing since the earlier moment.
  const earliest = Math.min(since, calendar.restored?.since ?? since);
  return {
    ...calendar,
    past: compacted([...calendar.past, ...spent], quota, at),
    restored: { at, since: earliest },
  };
}

/** The most requests that a window lets go within a time: as many as it may hold in each stretch as long as it is. */
function mostIn({ requests, milliseconds }: QuotaLimit, duration: number): number {
  return requests * (Math.floor(Math.max(0, duration) / milliseconds) + 1);
}

/** Takes a booking back, so that nobody makes room for a turn that will not come. */
export function cancelTurn(calendar: QuotaCalendar, id: string): QuotaCalendar {
  return { ...calendar, booked: calendar.booked.filter((booked) => booked.id !== id) };
}

/** The answer to one who wants to begin: a turn, or when to come again. */
export type OpenAnswer = { calendar: QuotaCalendar; turn: OpenTurn } | { calendar: QuotaCalendar; waitUntil: number };

/**
 * Begins a turn if nobody else sends and a request may leave soon.
 * @param limits.longest how long the turn may last, in milliseconds
 * @param limits.requestTimeout how long its last request may be under way, in milliseconds
 */
export function openTurn(
  calendar: QuotaCalendar,
  request: TurnRequest,
  moment: CalendarMoment,
  limits: { longest: number; requestTimeout: number },
): OpenAnswer {
  const { now, clock, quota } = moment;
  const current = withoutCrashedTurn(calendar, moment, limits.requestTimeout);
  if (current.open) {
    return waiting(current, request, moment, expectedEnd(current.open, moment) + CHANGEOVER_MILLISECONDS);
  }
  const first = Math.max(
    blockOfKind(current, request.kind),
    earliest(current.past, limitsOf(quota, request.kind), 1, now, clock),
  );
  if (first > now + LONGEST_PAUSE_MILLISECONDS) return waiting(current, request, moment, now);
  const next = Math.min(
    ...current.booked
      .filter(({ id, startsAt }) => id !== request.id && startsAt > now + 2 * LONGEST_PAUSE_MILLISECONDS)
      .map(({ startsAt }) => startsAt),
  );
  const until = Math.min(now + Math.min(limits.longest, neededTime(request, quota)), next);
  const requests = roomUntil(current, request, moment, until);
  const turn = { ...request, requests, clock, openedAt: now, until, expiresAt: until + limits.requestTimeout };
  return {
    calendar: { ...cancelTurn(current, request.id), open: turn },
    turn,
  };
}

/** What a turn came to. */
export interface TurnReport {
  sent: readonly PastRequests[];
  /** The API asks everybody to stay away until then. */
  blockedUntil?: number;
  /** Why, in words for a person. */
  blockedBy?: string;
  /** Whether it asked for nothing, but gave no usable answers: that holds for requests of this kind alone. */
  isSilence?: boolean;
  /** The last request without a usable answer. */
  failed?: FailedRead;
  /** When the API last gave a usable answer in this turn; absent when it gave none. */
  answeredAt?: number;
  /** Whether the API answered anything after it last asked us to stay away. */
  answered: boolean;
  /** How many requests in a row have had no usable answer by now, those of the turns before included. */
  failuresInARow: number;
  /** The package that alone had these failures. */
  onlyFailing?: string;
}

/**
 * Ends a turn and records what it sent, also when it has been taken for crashed meanwhile: that counts twice, safely.
 */
export function closeTurn(
  calendar: QuotaCalendar,
  turn: OpenTurn,
  report: TurnReport,
  moment: CalendarMoment,
): QuotaCalendar {
  const isOurs = calendar.open?.id === turn.id && calendar.open.openedAt === turn.openedAt;
  const { open, blockedBy, noAnswerSince, ...rest } = calendar;
  const isOfReads = turn.kind === 'status' && report.isSilence;
  const blockedUntil = isOfReads ? 0 : (report.blockedUntil ?? 0);
  const said = blockedUntil > calendar.blockedUntil ? report.blockedBy : blockedBy;
  const answeredAt = report.answeredAt ?? calendar.answeredAt;
  const before = healthOf(calendar, turn.kind);
  const health = {
    blocksInARow:
      report.blockedUntil === undefined ? (report.answered ? 0 : before.blocksInARow) : before.blocksInARow + 1,
    failuresInARow: report.failuresInARow,
    ...unansweredSince(before, turn, report),
  };
  return {
    ...rest,
    ...(open && !isOurs ? { open } : {}),
    past: compacted([...calendar.past, ...report.sent], moment.quota, moment.now),
    blockedUntil: Math.max(calendar.blockedUntil, blockedUntil),
    ...(said === undefined ? {} : { blockedBy: said }),
    ...(answeredAt === undefined ? {} : { answeredAt }),
    ...(turn.kind === 'status'
      ? { ...(noAnswerSince === undefined ? {} : { noAnswerSince }), reads: { ...health, ...heardOfReads(report) } }
      : { ...health, ...heardOfSends(calendar, report) }),
  };
}

/** Since when requests of this kind have had no usable answer; nothing while they have. */
function unansweredSince(before: KindHealth, turn: OpenTurn, report: TurnReport): { noAnswerSince?: number } {
  if (report.failuresInARow === 0) return {};
  return { noAnswerSince: report.answeredAt ?? before.noAnswerSince ?? turn.openedAt };
}

/** Stored as it is, so nothing is undefined in it. */
function heardOfReads({ isSilence, blockedUntil, failed }: TurnReport) {
  return {
    ...(isSilence && blockedUntil !== undefined ? { blockedUntil } : {}),
    ...(failed === undefined ? {} : { failed }),
  };
}

/** Stored as it is, so nothing is undefined in it: an empty text stands for no package. */
function heardOfSends(calendar: QuotaCalendar, report: TurnReport) {
  const { onlyFailing = '' } = report;
  const answeredAt = report.answeredAt ?? calendar.sendsAnsweredAt;
  return { onlyFailing, ...(answeredAt === undefined ? {} : { sendsAnsweredAt: answeredAt }) };
}

/**
 * When to look again whether a turn is over, as a waiting one cannot be woken: one that has lasted for a while will
 * probably last as long again, so looking takes a few returns at most and wastes no more than the turn took.
 */
function expectedEnd(open: OpenTurn, { now, clock }: CalendarMoment): number {
  const isOverdue = now >= open.until;
  const latest = isOverdue ? open.expiresAt + skewOf(open, clock) + 1 : open.until;
  const since = isOverdue ? open.until : open.openedAt;
  return Math.max(now, Math.min(latest, now + Math.max(SHORTEST_RETURN_MILLISECONDS, now - since)));
}

/** What so many requests take at most where the API is well: its latency is not known beforehand. */
function neededTime({ kind, requests }: TurnRequest, quota: Quota): number {
  const byQuota = shortestTime(requests, limitsOf(quota, kind));
  return SHORTEST_TURN_MILLISECONDS + 2 * byQuota + requests * TURN_MILLISECONDS_PER_REQUEST;
}

function skewOf(open: OpenTurn, clock: string): number {
  return open.clock === clock ? 0 : CLOCK_SKEW_MILLISECONDS;
}

/** As many requests as a turn can send at most; all of them count as sent if its holder crashes. */
function roomUntil(
  calendar: QuotaCalendar,
  request: TurnRequest,
  { quota, now, clock }: CalendarMoment,
  until: number,
): number {
  return limitsOf(quota, request.kind).reduce((room, limit) => {
    const windows = Math.ceil((until - now) / limit.milliseconds);
    if (windows > 1) return Math.min(room, limit.requests * (windows + 1));
    const held = calendar.past
      .filter((past) => limit.kinds.includes(past.kind) && arrivedBy(past, limit, clock) + limit.milliseconds > until)
      .reduce((sum, { count }) => sum + count, 0);
    return Math.min(room, Math.max(1, limit.requests - held));
  }, request.requests);
}

function withoutCrashedTurn(
  calendar: QuotaCalendar,
  { now, clock }: CalendarMoment,
  requestTimeout: number,
): QuotaCalendar {
  const { open, ...rest } = calendar;
  if (!open) return calendar;
  if (now <= open.expiresAt + skewOf(open, clock)) return calendar;
  // The last may have waited for a token or a connection almost to its time-out.
  const all = { kind: open.kind, at: open.expiresAt, slack: requestTimeout, count: open.requests, clock: open.clock };
  return { ...rest, past: [...calendar.past, all] };
}

function waiting(
  calendar: QuotaCalendar,
  request: TurnRequest,
  moment: CalendarMoment,
  notBefore: number,
): { calendar: QuotaCalendar; waitUntil: number } {
  const booked = bookTurn(calendar, request, moment);
  return { calendar: booked.calendar, waitUntil: Math.max(booked.startsAt, notBefore) };
}

/** When to begin: as soon as one request may leave, or a little later if then half of the tightest window may. */
function worthwhileStart(calendar: QuotaCalendar, request: TurnRequest, moment: CalendarMoment): number {
  const { quota, now, clock } = moment;
  const limits = limitsOf(quota, request.kind);
  const expected: PastRequests[] = calendar.booked.map(({ kind, requests, startsAt }) => ({
    kind,
    at: startsAt,
    slack: 0,
    count: Math.min(requests, ...limitsOf(quota, kind).map((limit) => limit.requests)),
    clock,
  }));
  const { open } = calendar;
  if (open && open.id !== request.id) {
    const count = Math.min(open.requests, ...limitsOf(quota, open.kind).map((limit) => limit.requests));
    expected.push({ kind: open.kind, at: expectedEnd(open, moment), slack: 0, count, clock: open.clock });
  }
  const history = [...calendar.past, ...expected];
  return limits.reduce((latest, limit) => {
    const first = earliest(history, [limit], 1, now, clock);
    const enough = Math.min(request.requests, Math.ceil(limit.requests / 2));
    const worth = earliest(history, [limit], enough, now, clock);
    const delay = Math.min(limit.milliseconds * WORTHWHILE_DELAY, LONGEST_WORTHWHILE_DELAY_MILLISECONDS);
    return Math.max(latest, Math.min(worth, first + delay));
  }, now);
}
