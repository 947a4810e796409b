import { limitsOf, type Quota, type QuotaLimit, type RequestKind } from './quota.ts';

/** Requests that went out at about the same time. All times are milliseconds since the epoch. */
export interface PastRequests {
  kind: RequestKind;
  /** When the last of them left, by the clock of the sender. */
  at: number;
  /** How much later than `at` they were surely there: their answer had come. */
  slack: number;
  count: number;
  /** Which clock said so; empty when there were several. */
  clock: string;
}

/** Two senders' clocks may differ by this much. The clocks of AWS differ by far less. */
export const CLOCK_SKEW_MILLISECONDS = 2_000;

/**
 * A request may reach the API later than it left us, and counts in the API's window from then on. It has surely arrived
 * when its answer is here; where the window is short, waiting for that would waste it, so this share of the window is
 * the most that we take a request to be under way.
 */
export const ARRIVAL_TOLERANCE = 0.03;

/** Merging moves requests to the end of a cell of this share of a window: so much of the quota is lost at most. */
const CELL_SHARE = 0.005;

/** The latest moment at which requests arrived, as the reader's clock would have shown it. */
export function arrivedBy(past: PastRequests, limit: QuotaLimit, clock: string): number {
  const skew = past.clock === clock ? 0 : CLOCK_SKEW_MILLISECONDS;
  return past.at + Math.min(past.slack, limit.milliseconds * ARRIVAL_TOLERANCE) + skew;
}

/**
 * The first moment, not before `now`, at which that many more requests may leave at once without any window holding
 * more than it may. Asked for more than a window ever holds, it answers for as many as it holds.
 */
export function earliest(
  history: readonly PastRequests[],
  limits: readonly QuotaLimit[],
  requests: number,
  now: number,
  clock: string,
): number {
  return limits.reduce((latest, limit) => Math.max(latest, freeAt(history, limit, requests, now, clock)), now);
}

/** Those requests that a window may still hold at some moment, or later. */
export function stillHeld(
  history: readonly PastRequests[],
  limit: QuotaLimit,
  now: number,
  clock: string,
): PastRequests[] {
  return history.filter((past) => limit.kinds.includes(past.kind) && heldUntil(past, limit, clock) > now);
}

/** One millisecond more than the window, so that it does not matter on which end an API's window is closed. */
function heldUntil(past: PastRequests, limit: QuotaLimit, clock: string): number {
  return arrivedBy(past, limit, clock) + limit.milliseconds + 1;
}

function freeAt(
  history: readonly PastRequests[],
  limit: QuotaLimit,
  requests: number,
  now: number,
  clock: string,
): number {
  const held = stillHeld(history, limit, now, clock);
  let excess = held.reduce((sum, { count }) => sum + count, 0) + Math.min(requests, limit.requests) - limit.requests;
  if (excess <= 0) return now;
  const inWindow = held.map((past) => ({ until: heldUntil(past, limit, clock), count: past.count }));
  inWindow.sort((one, other) => one.until - other.until);
  for (const { until, count } of inWindow) {
    excess -= count;
    if (excess <= 0) return until;
  }
  return now;
}

/**
 * A window may be added to a quota while requests are on record: as if there were these anyway. They cost a few dozen
 * entries, as what only they hold is merged in coarse cells.
 */
const KEPT_ANYWAY_MILLISECONDS = [24 * 3_600_000, 31 * 24 * 3_600_000];
const KEPT_ANYWAY_CELL_SHARE = 0.02;

/**
 * Forgets requests that no window can hold any more, nor one that may be added, and merges old ones, so that a calendar
 * stays a few kilobytes however many requests it has seen. Merged requests count as if all had left with the last of
 * them: never too early.
 */
export function compacted(history: readonly PastRequests[], quota: Quota, now: number): PastRequests[] {
  const limits = [
    ...limitsOf(quota).map((limit) => ({ ...limit, cellShare: CELL_SHARE })),
    ...KEPT_ANYWAY_MILLISECONDS.map((milliseconds) => keptAnyway(milliseconds)),
  ].sort((one, other) => one.milliseconds - other.milliseconds);
  const cells = new Map<string, PastRequests>();
  for (const past of history) {
    const cell = cellOf(past, limits, now);
    if (cell === undefined) continue;
    const merged = cells.get(cell);
    cells.set(cell, merged ? together(merged, past) : past);
  }
  return [...cells.values()].sort((one, other) => one.at - other.at);
}

/** A window, and the share of it that requests are moved by at most when they are merged. */
type Remembered = QuotaLimit & { cellShare: number };

function keptAnyway(milliseconds: number): Remembered {
  return {
    kinds: ['send', 'status'],
    requests: Number.POSITIVE_INFINITY,
    milliseconds,
    cellShare: KEPT_ANYWAY_CELL_SHARE,
  };
}

/** The cell in which requests are merged; nothing when they are forgotten. */
function cellOf(past: PastRequests, limits: readonly Remembered[], now: number): string | undefined {
  const matters = limits.find(
    (limit) =>
      limit.kinds.includes(past.kind) &&
      // Twice the skew: neither the clock that writes this nor the one that reads it need be the sender's.
      arrivedBy(past, limit, past.clock) + limit.milliseconds + 2 * CLOCK_SKEW_MILLISECONDS >= now,
  );
  if (!matters) return undefined;
  const width = Math.max(1, matters.milliseconds * matters.cellShare);
  return `${past.kind}#${matters.milliseconds}#${Math.floor(past.at / width)}`;
}

function together(one: PastRequests, other: PastRequests): PastRequests {
  return {
    kind: one.kind,
    at: Math.max(one.at, other.at),
    slack: Math.max(one.slack, other.slack),
    count: one.count + other.count,
    clock: one.clock === other.clock ? one.clock : '',
  };
}
