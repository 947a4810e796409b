import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { BillingCalendar } from '../periods/days.ts';
import { endOfPeriod, type PeriodId, periodIdOfDay, periodOf } from '../periods/periods.ts';
import { markMissedLateEvents } from './late-marking.ts';
import { SliceCounter } from './slice-counter.ts';
import { type DeliveredEvent, groupBySlice, type SliceGroup } from './slice-group.ts';
import { sliceMarkOf } from './slice-marks.ts';
import { SliceCache, SliceView, Staleness } from './slice-view.ts';
import type { DailyRecordMarks, PageId, PeriodClosings, UsageSlices } from './usage-slices.ts';

/** The invocation's time ran short before a group's turn came; its messages come again. */
export class OutOfTime extends HalfmonthError {
  readonly code = 'OUT_OF_TIME';
}

/** What a batch came to. */
export interface BatchOutcome {
  counted: number;
  duplicates: number;
  /** The same by the events' period. */
  duplicatesByPeriod: Map<PeriodId, number>;
  late: number;
  conflicts: number;
  /** The messages with an event that may not have been counted. They have to come again; what was counted stays so. */
  failedMessages: Set<number>;
  /** Why groups failed. */
  failures: Error[];
}

/** What counting works with. */
export interface UsageCounterOptions {
  slices: UsageSlices;
  marks: DailyRecordMarks;
  closings: PeriodClosings;
  calendar: BillingCalendar;
  /** Writes under way at once. */
  concurrency: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** How many identities are kept in memory, some 60 bytes each. */
  cachedIdentities?: number;
}

/** A period counts as ended this long before its end: no clock is so far off, and no write takes so long. */
const BEFORE_END_MILLISECONDS = 15 * 60_000;
const DEFAULT_CACHED_IDENTITIES = 1_000_000;

/** Counts batches of events. Lives as long as the process: what it remembers saves reads, and is never trusted unchecked. */
export class UsageCounter {
  readonly #options: Required<UsageCounterOptions>;
  readonly #slices: SliceCounter;
  readonly #cache: SliceCache;
  readonly #staleness = new Staleness();

  constructor(options: UsageCounterOptions) {
    this.#options = { now: Date.now, cachedIdentities: DEFAULT_CACHED_IDENTITIES, ...options };
    const { slices, marks, calendar, now, cachedIdentities } = this.#options;
    this.#slices = new SliceCounter({ slices, marks, sliceMinutes: calendar.sliceMinutes, now });
    this.#cache = new SliceCache(cachedIdentities);
  }

  /**
   * Counts a batch. A group that fails fails its own messages only.
   * @param deadline no group is begun after this instant, in milliseconds since the epoch
   */
  async count(delivered: Iterable<DeliveredEvent>, deadline = Number.POSITIVE_INFINITY): Promise<BatchOutcome> {
    const groups = groupBySlice(delivered, this.#options.calendar);
    const fresh = await this.#readAhead(groups);
    const outcome: BatchOutcome = {
      counted: 0,
      duplicates: 0,
      duplicatesByPeriod: new Map(),
      late: 0,
      conflicts: 0,
      failedMessages: new Set(),
      failures: [],
    };
    for (const group of groups) addDuplicates(outcome, group, group.repeated);
    const limit = pLimit(this.#options.concurrency);
    const unmarked = await limit.map(groups, (group) => this.#attempt(group, fresh, deadline, outcome));
    await this.#markWhatWasClosedMeanwhile(
      unmarked.filter((group) => group !== undefined),
      outcome,
    );
    return outcome;
  }

  /** Counts a group; answers it when its period has ended but was not known to be closed. */
  async #attempt(
    group: SliceGroup,
    fresh: ReadonlyMap<string, SliceView>,
    deadline: number,
    outcome: BatchOutcome,
  ): Promise<SliceGroup | undefined> {
    return this.#guard(group, outcome, async () => {
      const { slices, closings, now } = this.#options;
      if (now() > deadline)
        throw new OutOfTime('The invocation ran out of time before all of its groups were counted.');
      const period = this.#endedPeriodOf(group);
      const closedAt = period === undefined ? undefined : await closings.closedAt(period);
      const isLate = closedAt !== undefined;
      const { view, isFresh } = await this.#viewOf(group, fresh);
      const { counted, duplicates, conflicts } = await this.#slices.count(
        group,
        view,
        isFresh,
        isLate ? 'closed' : period === undefined ? 'running' : 'ended',
      );
      this.#cache.keep(group.key, view);
      if (!isFresh) this.#staleness.observe(conflicts > 0);
      outcome.counted += counted;
      addDuplicates(outcome, group, duplicates.length);
      outcome.conflicts += conflicts;
      if (!isLate) return period === undefined ? undefined : group;
      outcome.late += counted;
      if (duplicates.length > 0) {
        const missed = { ...group, events: duplicates };
        outcome.late += await markMissedLateEvents(
          slices,
          missed,
          { period: periodIdOfDay(group.day), closedAt },
          now(),
        );
        this.#cache.drop(group.key);
      }
      return undefined;
    });
  }

  /**
   * After the writes: if a period was closed while they were made, they may have missed its package. A run closes the period
   * first and reads the slices then; we write first and ask then. So either it reads our events, or we see its closing.
   */
  async #markWhatWasClosedMeanwhile(groups: readonly SliceGroup[], outcome: BatchOutcome): Promise<void> {
    const { slices, closings, concurrency, now } = this.#options;
    const askOnce = new Map<PeriodId, Promise<number | undefined>>();
    const limit = pLimit(concurrency);
    await limit.map(groups, (group) =>
      this.#guard(group, outcome, async () => {
        const period = periodIdOfDay(group.day);
        const asked = askOnce.get(period) ?? closings.closedAtNow(period);
        askOnce.set(period, asked);
        const closedAt = await asked;
        if (closedAt === undefined) return;
        outcome.late += await markMissedLateEvents(slices, group, { period, closedAt }, now());
        this.#cache.drop(group.key);
      }),
    );
  }

  async #guard<Result>(
    group: SliceGroup,
    outcome: BatchOutcome,
    step: () => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return await step();
    } catch (error) {
      this.#cache.drop(group.key);
      for (const message of group.messages) outcome.failedMessages.add(message);
      outcome.failures.push(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }

  /** Reads what is not known of a batch's slices and daily records, a hundred a request, before groups ask one by one. */
  async #readAhead(groups: readonly SliceGroup[]): Promise<Map<string, SliceView>> {
    const { slices, marks, calendar } = this.#options;
    const trusted = this.#staleness.isLow;
    const wanted = new Map<PageId, SliceGroup>();
    for (const group of groups) {
      const known = this.#cache.get(group.key);
      if (!known || !trusted) wanted.set({ ...group, page: known?.open.number ?? 0 }, group);
    }
    const views = new Map<string, SliceView>();
    try {
      const pages = await slices.loadPages([...wanted.keys()]);
      for (const [pageId, group] of wanted) {
        const page = pages.get(pageId);
        const known = this.#cache.get(group.key);
        if (known) this.#staleness.observe(page !== undefined && page.version > known.open.version);
        const view = known ?? new SliceView();
        // The read is not consistent: it may show less than is known.
        if (page && page.version > view.open.version) view.absorb(page);
        views.set(group.key, view);
      }
      const begun = groups.filter(({ key }) => views.get(key)?.open.version === 0);
      await marks.learn(
        begun.map(({ clientId, day, slice }) => ({
          clientId,
          day,
          mark: sliceMarkOf(slice, 1, calendar.sliceMinutes),
        })),
      );
    } catch {
      // Reading ahead only saves requests. Each group reads for itself what is missing here, and fails alone if it cannot.
    }
    return views;
  }

  async #viewOf(
    group: SliceGroup,
    fresh: ReadonlyMap<string, SliceView>,
  ): Promise<{ view: SliceView; isFresh: boolean }> {
    const read = fresh.get(group.key);
    if (read) {
      // The page that was read ahead was sealed: what follows it has not been read.
      if (read.open.number > 0 && read.open.version === 0) await this.#slices.refresh(group, read);
      return { view: read, isFresh: true };
    }
    const known = this.#cache.get(group.key);
    if (known) return { view: known, isFresh: false };
    const view = new SliceView();
    await this.#slices.refresh(group, view);
    return { view, isFresh: true };
  }

  #endedPeriodOf({ day }: SliceGroup): PeriodId | undefined {
    const { calendar, now } = this.#options;
    const period = periodIdOfDay(day);
    return now() >= this.#endOf(period, calendar) - BEFORE_END_MILLISECONDS ? period : undefined;
  }

  readonly #ends = new Map<PeriodId, number>();

  #endOf(period: PeriodId, calendar: BillingCalendar): number {
    let end = this.#ends.get(period);
    if (end === undefined) {
      end = endOfPeriod(periodOf(period), calendar);
      this.#ends.set(period, end);
    }
    return end;
  }
}

function addDuplicates(outcome: BatchOutcome, { day }: SliceGroup, duplicates: number): void {
  if (duplicates === 0) return;
  const period = periodIdOfDay(day);
  outcome.duplicates += duplicates;
  outcome.duplicatesByPeriod.set(period, (outcome.duplicatesByPeriod.get(period) ?? 0) + duplicates);
}
