import { randomUUID } from 'node:crypto';
import { type Clock, SYSTEM_CLOCK } from '../../lib/quota/pacer.ts';
import { holderOfTurn } from '../../lib/quota/turn-ids.ts';
import { NO_METRICS } from '../../lib/sending/sending.ts';
import type { TurnTaker, TurnWait } from '../../lib/sending/turns.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { serverClock } from '../../lib/store/server-clock.ts';
import { API_TIMEOUT_MILLISECONDS, type Cloud } from '../connection/cloud.ts';
import { command } from '../terminal/next-command.ts';
import { timeWords } from '../terminal/words.ts';

/** This machine's clock, as the quota calendar names it. */
const CLOCK_ID = randomUUID().slice(0, 8);

/** A command as it takes turns at the invoice API beside the runs that send, by the clock that they go by. */
export async function turnTaker(
  { tables, quota }: Pick<Cloud, 'tables' | 'quota'>,
  own: Clock = SYSTEM_CLOCK,
): Promise<TurnTaker> {
  return {
    settings: { quota, requestTimeoutMilliseconds: API_TIMEOUT_MILLISECONDS },
    clock: await serverClock(tables, own),
    clockId: CLOCK_ID,
    calendar: new QuotaCalendarStore(tables, 'invoice-api'),
    metrics: NO_METRICS,
    // Nobody stops a command from outside.
    remainingMilliseconds: () => Number.POSITIVE_INFINITY,
  };
}

/** For whom or what a command waits, and until when. */
export function turnWaitWords({ reason, until, open }: TurnWait): string {
  switch (reason) {
    case 'blocked':
      return `the invoice API asked everybody to stay away until ${timeWords(until)}.`;
    case 'turn':
      return `${holderWords(open?.id ?? '')} has its turn at the invoice API until ${timeWords(open?.until ?? until)} at the latest.`;
    case 'quota':
      return `the quota of the invoice API is in use; there is room from ${timeWords(until)}. See: ${command('quota')}`;
  }
}

function holderWords(id: string): string {
  const holder = holderOfTurn(id);
  return 'runId' in holder ? `run ${holder.runId}` : `another command (${holder.command})`;
}
