import { command } from '../terminal/next-command.ts';
import { durationWords, timeWords } from '../terminal/words.ts';
import { blockWords, type CalendarPicture } from './calendar-picture.ts';

/** A window that is full for less than this is the usual pace of sending. */
const NOTICED_MILLISECONDS = 60_000;

/**
 * Why nothing is sent to the invoice API just now, until when, and what ends it sooner; nothing while requests go out
 * or will within a minute.
 */
export function standstillWords({
  now,
  windows,
  blockedUntil,
  blockedBy,
  sending,
}: CalendarPicture): string | undefined {
  if (blockedUntil !== undefined) {
    const block = blockWords({ blockedUntil, ...(blockedBy === undefined ? {} : { blockedBy }) });
    return `nothing is sent ${block}. To go on before that: ${command('quota')} --unblock --reason TEXT`;
  }
  if (sending) return undefined;
  const full = windows.flatMap(({ kinds, used, requests, seconds, freesAt = 0 }) =>
    used >= requests && freesAt - now > NOTICED_MILLISECONDS
      ? [{ freesAt, words: `${requests} ${kinds.join(' and ')} in ${durationWords(seconds * 1000)}` }]
      : [],
  );
  const [last] = full.sort((one, other) => other.freesAt - one.freesAt);
  return last && `nothing is sent until ${timeWords(last.freesAt)}: the quota of ${last.words} is used up`;
}
