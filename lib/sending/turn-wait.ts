import { cancelTurn, type OpenTurn, type TurnRequest } from '../quota/calendar.ts';
import { inTurn, type TurnAnswer, type TurnTaker, type TurnUnderWay } from './turns.ts';

/** Why a turn cannot begin yet. */
export interface TurnWait {
  /** `blocked`: the API asked everybody to stay away. `turn`: somebody else has it. `quota`: what there is, is spent or booked. */
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
    const wait = waitOf(answer, taker.clock.now());
    if (!mayWait(wait)) {
      // Booked by inTurn for a later moment.
      await taker.calendar.change((current) => ({ calendar: cancelTurn(current, request.id) }));
      return { gaveUp: wait };
    }
    await taker.clock.sleep(Math.max(0, wait.until - taker.clock.now()));
  }
}

function waitOf({ waitUntil, calendar }: Extract<TurnAnswer<never>, { waitUntil: number }>, now: number): TurnWait {
  if (calendar.blockedUntil > now) return { reason: 'blocked', until: Math.max(waitUntil, calendar.blockedUntil) };
  if (calendar.open) return { reason: 'turn', until: waitUntil, open: calendar.open };
  return { reason: 'quota', until: waitUntil };
}
