import {
  blockOfKind,
  type CalendarMoment,
  cancelTurn,
  closeTurn,
  healthOf,
  type OpenTurn,
  openTurn,
  type QuotaCalendar,
  type Restored,
  silenceOf,
  type TurnRequest,
} from '../quota/calendar.ts';
import { Pacer } from '../quota/pacer.ts';
import type { RequestKind } from '../quota/quota.ts';
import { ApiHealth } from './api-health.ts';
import type { Sending, SendingSettings, SendingWithApi } from './sending.ts';

/** A longer turn would keep another run waiting. */
const LONGEST_TURN_MILLISECONDS = 300_000;
/** For ending a turn in good order: recording outcomes, writing the calendar. */
const CLOSING_MILLISECONDS = 10_000;

/** A turn while it lasts. */
export interface TurnUnderWay {
  pacer: Pacer;
  health: ApiHealth;
  /** Tables were restored at that time. */
  restored?: Restored;
}

/** What takes turns: tasks that send, and commands that only read. */
export interface TurnTaker
  extends Pick<Sending, 'clock' | 'clockId' | 'calendar' | 'metrics'>,
    Pick<SendingWithApi, 'remainingMilliseconds'> {
  settings: Pick<SendingSettings, 'quota' | 'requestTimeoutMilliseconds'>;
}

/** Either the turn's result, or when to come again (milliseconds since the epoch) and the calendar that says so. */
export type TurnAnswer<Result> = { result: Result } | { waitUntil: number; calendar: QuotaCalendar };

/** Now, by our clock, under our quota. */
export function momentOf({
  settings,
  clock,
  clockId,
}: Pick<TurnTaker, 'settings' | 'clock' | 'clockId'>): CalendarMoment {
  return { quota: settings.quota, now: clock.now(), clock: clockId };
}

/**
 * Takes a turn in the quota calendar, works in it, and records what has left, also when the work fails.
 * @throws whatever the work throws
 */
export async function inTurn<Result>(
  sending: TurnTaker,
  request: TurnRequest,
  work: (turn: TurnUnderWay) => Promise<Result>,
): Promise<TurnAnswer<Result>> {
  const { calendar, settings, clock } = sending;
  const longest = Math.min(
    LONGEST_TURN_MILLISECONDS,
    sending.remainingMilliseconds() - settings.requestTimeoutMilliseconds - CLOSING_MILLISECONDS,
  );
  const opened = await calendar.change((current) =>
    openTurn(current, request, momentOf(sending), {
      longest: Math.max(longest, 0),
      requestTimeout: settings.requestTimeoutMilliseconds,
    }),
  );
  if ('waitUntil' in opened) {
    tellHealth(sending, opened.calendar);
    return opened;
  }
  const pacer = new Pacer(opened.turn, opened.calendar.past, settings.quota, clock);
  pacer.holdUntil(blockOfKind(opened.calendar, request.kind));
  const health = new ApiHealth(pacer, clock, settings.quota, {
    ...opened.calendar,
    past: opened.calendar.past.filter(({ kind }) => kind === request.kind),
    ...healthOf(opened.calendar, request.kind),
  });
  try {
    const { restored } = opened.calendar;
    return { result: await work({ pacer, health, ...(restored ? { restored } : {}) }) };
  } finally {
    await close(sending, opened.turn, { pacer, health });
  }
}

async function close(sending: TurnTaker, turn: OpenTurn, { pacer, health }: TurnUnderWay): Promise<void> {
  const { calendar, metrics } = sending;
  const { blockedUntil, blockedBy, answered, answeredAt, failuresInARow, onlyFailing, isSilence, failed } = health;
  const report = {
    sent: pacer.sent,
    answered,
    failuresInARow,
    isSilence,
    ...(failed === undefined ? {} : { failed }),
    ...(blockedUntil === undefined ? {} : { blockedUntil }),
    ...(blockedBy === undefined ? {} : { blockedBy }),
    ...(answeredAt === undefined ? {} : { answeredAt }),
    ...(onlyFailing === undefined ? {} : { onlyFailing }),
  };
  const closed = await calendar.change((current) => ({
    calendar: closeTurn(current, turn, report, momentOf(sending)),
  }));
  tellHealth(sending, closed.calendar);
  metrics.count(turn.kind === 'send' ? 'PackagesSent' : 'StatusReads', pacer.sent.length);
  metrics.count('RequestsThrottled', health.throttled);
  metrics.count('RequestsUnknown', health.unknown);
  metrics.milliseconds('SenderIdle', pacer.idleMilliseconds);
}

/** For the alarms: while something is due somebody looks every quarter of an hour at least, so silence has a number. */
function tellHealth({ metrics, clock }: TurnTaker, calendar: QuotaCalendar): void {
  const now = clock.now();
  metrics.count('MinutesWithoutAnswer', minutes(silenceOf(calendar, now)));
  metrics.count('MinutesBlocked', minutes(Math.max(0, calendar.blockedUntil - now)));
}

function minutes(milliseconds: number): number {
  return Math.floor(milliseconds / 60_000);
}

/** Why a turn cannot begin yet. */
export interface TurnWait {
  /**
   * `blocked`: the API asked everybody to stay away. `turn`: somebody else has it. `quota`: what there is, is spent or
   * booked.
   */
  reason: 'blocked' | 'turn' | 'quota';
  /** When to look again, in milliseconds since the epoch. */
  until: number;
  /** The turn of somebody else that is under way. */
  open?: OpenTurn;
}

/**
 * Takes a turn as {@link inTurn} does, and waits until there is one.
 * @param mayWait is told before each wait, and says whether to wait at all; if not, the turn is given up
 * @throws whatever the work throws
 */
export async function inTurnAfterWaiting<Result>(
  taker: TurnTaker,
  request: TurnRequest,
  work: (turn: TurnUnderWay) => Promise<Result>,
  mayWait: (wait: TurnWait) => boolean,
): Promise<{ result: Result } | { gaveUp: TurnWait }> {
  for (;;) {
    const answer = await inTurn(taker, request, work);
    if ('result' in answer) return answer;
    const wait = waitOf(answer, request.kind, taker.clock.now());
    if (!mayWait(wait)) {
      // Booked by inTurn for a later moment.
      await taker.calendar.change((current) => ({ calendar: cancelTurn(current, request.id) }));
      return { gaveUp: wait };
    }
    await taker.clock.sleep(Math.max(0, wait.until - taker.clock.now()));
  }
}

function waitOf(
  { waitUntil, calendar }: Extract<TurnAnswer<never>, { waitUntil: number }>,
  kind: RequestKind,
  now: number,
): TurnWait {
  const blockedUntil = blockOfKind(calendar, kind);
  if (blockedUntil > now) return { reason: 'blocked', until: Math.max(waitUntil, blockedUntil) };
  if (calendar.open) return { reason: 'turn', until: waitUntil, open: calendar.open };
  return { reason: 'quota', until: waitUntil };
}
