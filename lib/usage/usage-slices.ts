import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { PageChange, SliceId, SlicePage } from './slice-page.ts';

/** One page of one slice. */
export interface PageId extends SliceId {
  page: number;
}

/** Events whose period was closed when they were counted. */
export interface LateEntry {
  period: PeriodId;
  events: readonly ConsumptionEvent[];
  /** Milliseconds since the epoch. */
  at: number;
}

/** A change took place, or it did not because the page was not what it was thought to be; then it is shown as it is. */
export type ChangeOutcome = { changed: true } | { changed: false; current: SlicePage | undefined };

/** Where usage slices are kept. Every call may fail, before or after it took effect. */
export interface UsageSlices {
  /** Pages as they were a moment ago; one that does not exist is left out. */
  loadPages(pages: readonly PageId[]): Promise<Map<PageId, SlicePage>>;
  /** A slice's pages from a number on, in order, as they are now. */
  loadFrom(slice: SliceId, fromPage: number): Promise<SlicePage[]>;
  /**
   * Adds events to a page, totals, identities and late entries at once, if it still has the version before the change.
   */
  change(slice: SliceId, change: PageChange, late?: LateEntry): Promise<ChangeOutcome>;
  /** Adds late entries for events that a page holds already, if it still has this version. */
  markLate(slice: SliceId, page: SlicePage, late: LateEntry): Promise<ChangeOutcome>;
}

/** The daily records as counting needs them. */
export interface DailyRecordMarks {
  /** Finds out which of these marks exist, so that `ensure` need not write them. */
  learn(marks: readonly DayMark[]): Promise<void>;
  /** Makes sure that a day has its record with this mark in it, before anything that it stands for is counted. */
  ensure(mark: DayMark): Promise<void>;
}

/** A mark in a client's daily record (see `slice-marks.ts`). */
export interface DayMark {
  clientId: string;
  day: string;
  mark: number;
}

/** Which periods have been closed. */
export interface PeriodClosings {
  /**
   * When a period was closed, in milliseconds since the epoch, or nothing; what is known for up to a minute may be
   * told.
   */
  closedAt(period: PeriodId): Promise<number | undefined>;
  /** The same, as it is now. */
  closedAtNow(period: PeriodId): Promise<number | undefined>;
}

/**
 * Slices outlive the last event that may reach them by this much: a message that was good at the very end of the window
 * may be on its way for as long as a queue keeps it, two weeks.
 */
export const EXPIRY_MARGIN_DAYS = 15;

/**
 * Packaging trusts a day's slices to be complete for this much longer than events can reach them: a day less than they
 * are kept, so that none expires while a run reads them.
 */
export const COMPLETE_MARGIN_DAYS = EXPIRY_MARGIN_DAYS - 1;
