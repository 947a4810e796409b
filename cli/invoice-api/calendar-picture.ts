import type { QuotaCalendar } from '../../lib/quota/calendar.ts';
import { limitsOf, type Quota } from '../../lib/quota/quota.ts';
import { timeWords } from '../terminal/words.ts';

/** What one stretch of time looks like. `now` is in the first cell. */
export interface PictureCell {
  /** Milliseconds since the epoch. */
  from: number;
  until: number;
  state: 'free' | 'booked' | 'blocked' | 'spent';
  /** Requests booked in it. */
  booked: number;
}

/** One window of the quota: how much of it is used up now. */
export interface WindowUse {
  kinds: readonly string[];
  requests: number;
  seconds: number;
  used: number;
  /**
   * Milliseconds since the epoch: when the first of the used ones falls out of the window; absent when none is used.
   */
  freesAt?: number;
}

/** The quota calendar, laid out over the time ahead. */
export interface CalendarPicture {
  now: number;
  windows: WindowUse[];
  blockedUntil?: number;
  /** Who said so, in words for a person. */
  blockedBy?: string;
  sending?: { kind: string; requests: number; until: number };
  cells: PictureCell[];
}

/** Lays the calendar out over the time ahead, in cells of equal length. */
export function pictureOf(
  calendar: QuotaCalendar,
  quota: Quota,
  { now, cells, cellMilliseconds }: { now: number; cells: number; cellMilliseconds: number },
): CalendarPicture {
  const open = calendar.open && calendar.open.expiresAt > now ? calendar.open : undefined;
  const windows = limitsOf(quota).map(({ kinds, requests, milliseconds }): WindowUse => {
    const past = calendar.past.filter(({ kind, at }) => kinds.includes(kind) && at + milliseconds > now);
    // What a turn has sent so far is known at its end; until then all that it may send is taken.
    const underWay = open && kinds.includes(open.kind) ? [{ at: now, count: Math.min(open.requests, requests) }] : [];
    const inWindow = [...past, ...underWay];
    const used = Math.min(
      requests,
      inWindow.reduce((sum, { count }) => sum + count, 0),
    );
    const first = Math.min(...inWindow.map(({ at }) => at));
    return {
      kinds,
      requests,
      seconds: milliseconds / 1000,
      used,
      ...(inWindow.length > 0 ? { freesAt: first + milliseconds } : {}),
    };
  });
  const freeAgain = Math.max(now, ...windows.filter(({ used, requests }) => used >= requests).map(freesAtOf));
  return {
    now,
    windows,
    ...blockOf(calendar, now),
    ...(open ? { sending: { kind: open.kind, requests: open.requests, until: open.until } } : {}),
    cells: Array.from({ length: cells }, (_, index): PictureCell => {
      const from = now + index * cellMilliseconds;
      const until = from + cellMilliseconds;
      const turns = calendar.booked.filter(({ startsAt }) => startsAt >= from && startsAt < until);
      const booked = turns.reduce((sum, { requests }) => sum + requests, 0);
      if (from < calendar.blockedUntil) return { from, until, state: 'blocked', booked };
      if (booked > 0 || (open && from < open.until)) return { from, until, state: 'booked', booked };
      return { from, until, state: from < freeAgain ? 'spent' : 'free', booked };
    }),
  };
}

/** What has left in one stretch of time that is over. */
export interface SpentCell {
  /** Milliseconds since the epoch. */
  from: number;
  until: number;
  /** Requests, as the calendar merges them. */
  requests: number;
}

/** The time behind us, in cells of equal length, the oldest first. */
export function spentIn(
  calendar: QuotaCalendar,
  { now, cells, cellMilliseconds }: { now: number; cells: number; cellMilliseconds: number },
): SpentCell[] {
  return Array.from({ length: cells }, (_, index) => {
    const from = now - (cells - index) * cellMilliseconds;
    const until = from + cellMilliseconds;
    const left = calendar.past.filter(({ at }) => at >= from && at < until);
    return { from, until, requests: left.reduce((sum, { count }) => sum + count, 0) };
  });
}

/** The block that holds now, with who said it; nothing when there is none. */
export function blockOf(
  { blockedUntil, blockedBy }: QuotaCalendar,
  now: number,
): { blockedUntil?: number; blockedBy?: string } {
  if (blockedUntil <= now) return {};
  return { blockedUntil, ...(blockedBy === undefined ? {} : { blockedBy }) };
}

/** Until when sending stops, and who said so. */
export function blockWords({ blockedUntil, blockedBy }: { blockedUntil: number; blockedBy?: string }): string {
  return `until ${timeWords(blockedUntil)}, after: ${blockedBy ?? 'the invoice API asked for it'}`;
}

function freesAtOf({ freesAt = 0 }: WindowUse): number {
  return freesAt;
}
