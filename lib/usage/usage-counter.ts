import pLimit from 'p-limit';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { BillingCalendar, Day } from '../periods/days.ts';
import { endOfPeriod, type PeriodId, periodIdOfDay, periodOf } from '../periods/periods.ts';
import { ControlTally } from './control-tally.ts';
import type { ControlTotals } from './control-total.ts';
import type { BatchEvidence, EvidenceKeeper } from './evidence.ts';
import { markMissedLateEvents } from './late-marking.ts';
import { SliceCounter, type WrittenEvents } from './slice-counter.ts';
import {
  type DeliveredEvent,
  type DistinctEvent,
  groupBySlice,
  hasWideSlices,
  type SliceGroup,
} from './slice-group.ts';
import { sliceMarkOf } from './slice-marks.ts';
import { isWide, SLICE_LENGTHS, type SliceLength } from './slice-path.ts';
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
  /** Counted events whose evidence could not be kept yet; absent where none is kept. */
  withoutEvidence?: number;
}

/** What counting works with. */
export interface UsageCounterOptions {
  slices: UsageSlices;
  marks: DailyRecordMarks;
  closings: PeriodClosings;
  control: ControlTotals;
  calendar: BillingCalendar;
  /** Writes under way at once. */
  concurrency: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Days before it have short slices only; without, none has. */
  wideSlicesFrom?: Day;
  /** What is remembered of slices takes so many bytes at most. */
  cacheBytes?: number;
  /** Where evidence of what is counted is kept; without, none is. */
  evidence?: EvidenceKeeper | undefined;
}

/** A period counts as ended this long before its end: no clock is so far off, and no write takes so long. */
const BEFORE_END_MILLISECONDS = 15 * 60_000;
const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
const FIRST_DAY: Day = '0000-01-01';
/** Slices whose pages are read ahead and held at once: two requests' worth, 16 MB each at most. */
const GROUPS_IN_PORTION = 200;

/**
 * Counts batches of events. Lives as long as the process: what it remembers saves reads, and is never trusted
 * unchecked.
 */
export class UsageCounter {
  readonly #options: Required<Omit<UsageCounterOptions, 'evidence'>>;
  readonly #evidence: EvidenceKeeper | undefined;
  readonly #slices: SliceCounter;
  readonly #cache: SliceCache;
  readonly #control: ControlTally;
  readonly #staleness = new Staleness();

  constructor({ evidence, ...options }: UsageCounterOptions) {
    this.#options = { now: Date.now, wideSlicesFrom: FIRST_DAY, cacheBytes: DEFAULT_CACHE_BYTES, ...options };
    this.#evidence = evidence;
    const { slices, marks, control, calendar, now, cacheBytes } = this.#options;
    this.#slices = new SliceCounter({ slices, marks, sliceMinutes: calendar.sliceMinutes, now });
    this.#cache = new SliceCache(cacheBytes);
    this.#control = new ControlTally(control);
  }

  /**
   * Counts a batch. A group that fails fails its own messages only.
   * @param deadline no group is begun after this instant, in milliseconds since the epoch
   */
  async count(delivered: readonly DeliveredEvent[], deadline = Number.POSITIVE_INFINITY): Promise<BatchOutcome> {
    const batch = new Batch(deadline);
    if (delivered.length === 0) return batch.outcome;
    const entries = delivered.map(({ event, message }) => ({ event, messages: [message] }));
    try {
      const begun = await this.#control.begin(this.#byPeriod(delivered));
      await this.#countAll(entries, batch);
      // Before it is settled: whatever the control total calls counted has had its chance of evidence.
      if (this.#evidence) batch.outcome.withoutEvidence = await this.#evidence.keep(batch.evidence());
      await begun.settle(batch.written);
    } catch (error) {
      // A batch that the control total was not told of is not counted: it would not be missed if it were lost later.
      batch.fail(entries, error);
    }
    return batch.outcome;
  }

  #byPeriod(delivered: readonly DeliveredEvent[]): Map<PeriodId, ConsumptionEvent[]> {
    const byPeriod = new Map<PeriodId, ConsumptionEvent[]>();
    for (const { event } of delivered) {
      const period = this.#periodOf(event);
      const events = byPeriod.get(period);
      if (events) events.push(event);
      else byPeriod.set(period, [event]);
    }
    return byPeriod;
  }

  #periodOf({ instant }: ConsumptionEvent): PeriodId {
    return periodIdOfDay(this.#options.calendar.dayOf(instant));
  }

  /** From wide slices to short ones: what a slice has no room for goes on to the one behind it. */
  async #countAll(entries: DistinctEvent[], batch: Batch): Promise<void> {
    const unmarked: SliceGroup[] = [];
    let left = entries;
    for (const length of SLICE_LENGTHS) {
      const [here, later] = this.#lookingInto(length, left);
      const groups = groupBySlice(here, length, this.#options.calendar);
      for (const group of groups) batch.addDuplicates(group, group.repeated);
      const outcomes = await this.#countGroups(groups, batch);
      left = [...later, ...outcomes.flatMap((outcome) => outcome?.left ?? [])];
      unmarked.push(...outcomes.flatMap((outcome) => outcome?.unmarked ?? []));
    }
    await this.#markWhatWasClosedMeanwhile(unmarked, batch);
  }

  /** Days that were begun by an earlier version have short slices only. */
  #lookingInto(length: SliceLength, entries: DistinctEvent[]): [DistinctEvent[], DistinctEvent[]] {
    const { calendar, wideSlicesFrom } = this.#options;
    if (length === 'short' || wideSlicesFrom === FIRST_DAY) return [entries, []];
    const isIn = ({ event }: DistinctEvent) => hasWideSlices(calendar.dayOf(event.instant), wideSlicesFrom);
    return [entries.filter(isIn), entries.filter((entry) => !isIn(entry))];
  }

  /**
   * Portion by portion, so that however many slices a batch reaches, few of their pages are held; the next is read
   * meanwhile.
   */
  async #countGroups(groups: readonly SliceGroup[], batch: Batch): Promise<(Attempt | undefined)[]> {
    const portions: SliceGroup[][] = [];
    for (let start = 0; start < groups.length; start += GROUPS_IN_PORTION) {
      portions.push(groups.slice(start, start + GROUPS_IN_PORTION));
    }
    const outcomes: (Attempt | undefined)[] = [];
    const limit = pLimit(this.#options.concurrency);
    let reading = this.#readAhead(portions[0] ?? []);
    for (const [number, portion] of portions.entries()) {
      const fresh = await reading;
      reading = this.#readAhead(portions[number + 1] ?? []);
      outcomes.push(...(await limit.map(portion, (group) => this.#attempt(group, fresh, batch))));
    }
    return outcomes;
  }

  async #attempt(group: SliceGroup, fresh: ReadonlyMap<string, SliceView>, batch: Batch): Promise<Attempt | undefined> {
    return this.#guard(group, batch, async () => {
      const { slices, closings, now } = this.#options;
      if (now() > batch.deadline)
        throw new OutOfTime('The invocation ran out of time before all of its groups were counted.');
      const period = this.#endedPeriodOf(group);
      const closedAt = period === undefined ? undefined : await closings.closedAt(period);
      const isLate = closedAt !== undefined;
      const { view, isFresh } = await this.#viewOf(group, fresh);
      const wasFull = isFull(group, view);
      const written: WrittenEvents = { counted: [], unsure: [] };
      const phase = isLate ? 'closed' : period === undefined ? 'running' : 'ended';
      const counting = this.#slices.count(group, view, isFresh, phase, written);
      const { duplicates, left, conflicts } = await counting.finally(() => batch.addWritten(group, written));
      this.#cache.keep(group.key, view);
      // A full page says nothing of how often others write.
      if (!isFresh && !wasFull) this.#staleness.observe(conflicts > 0);
      batch.addDuplicates(group, duplicates);
      batch.outcome.conflicts += conflicts;
      if (!isLate) return { left, unmarked: period === undefined ? undefined : group };
      batch.outcome.late += written.counted.length;
      if (duplicates.length > 0) {
        const closed = { period: periodIdOfDay(group.day), closedAt };
        batch.outcome.late += await markMissedLateEvents(slices, group, duplicates, closed, now());
        this.#cache.drop(group.key);
      }
      return { left, unmarked: undefined };
    });
  }

  /**
   * After the writes: if a period was closed while they were made, they may have missed its package. A run closes the
   * period first and reads the slices then; we write first and ask then. So either it reads our events, or we see its
   * closing.
   */
  async #markWhatWasClosedMeanwhile(groups: readonly SliceGroup[], batch: Batch): Promise<void> {
    const { slices, closings, concurrency, now } = this.#options;
    const askOnce = new Map<PeriodId, Promise<number | undefined>>();
    const limit = pLimit(concurrency);
    await limit.map(groups, (group) =>
      this.#guard(group, batch, async () => {
        const period = periodIdOfDay(group.day);
        const asked = askOnce.get(period) ?? closings.closedAtNow(period);
        askOnce.set(period, asked);
        try {
          const closedAt = await asked;
          if (closedAt === undefined) return;
          const events = group.entries.map(({ event }) => event);
          batch.outcome.late += await markMissedLateEvents(slices, group, events, { period, closedAt }, now());
          this.#cache.drop(group.key);
        } catch (error) {
          // It is counted, and may be neither in a package nor listed as late until the message comes again.
          batch.unsettle(group);
          throw error;
        }
      }),
    );
  }

  async #guard<Result>(group: SliceGroup, batch: Batch, step: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await step();
    } catch (error) {
      this.#cache.drop(group.key);
      batch.fail(group.entries, error);
      return undefined;
    }
  }

  /**
   * Reads what is not known of slices and daily records, a hundred a request, before groups ask one by one. Never
   * throws.
   */
  async #readAhead(groups: readonly SliceGroup[]): Promise<Map<string, SliceView>> {
    const { slices, marks, calendar } = this.#options;
    const trusted = this.#staleness.isLow;
    const wanted = new Map<PageId, SliceGroup>();
    for (const group of groups) {
      const known = this.#cache.get(group.key);
      if (!known || !(trusted || isFull(group, known))) wanted.set({ ...group, page: known?.open.number ?? 0 }, group);
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
      // Reading ahead only saves requests. Each group reads for itself what is missing here, and fails alone if it
      // cannot.
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
      const isBehindRead = !isWide(group.slice) && read.open.number > 0 && read.open.version === 0;
      if (isBehindRead) await this.#slices.refresh(group, read);
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

/** Whether a wide slice takes no more: its one page is known to be sealed. */
function isFull({ slice }: SliceGroup, view: SliceView): boolean {
  return isWide(slice) && view.open.number > 0;
}

/**
 * What counting a group left: events for the slices behind it, and the group, when its period has ended and is not
 * known closed.
 */
interface Attempt {
  left: DistinctEvent[];
  unmarked: SliceGroup | undefined;
}

/** A batch on its way, and what has become of it so far. */
class Batch {
  readonly deadline: number;
  readonly #dropped = new Map<PeriodId, ConsumptionEvent[]>();
  readonly written = new Map<PeriodId, WrittenEvents>();
  readonly outcome: BatchOutcome = {
    counted: 0,
    duplicates: 0,
    duplicatesByPeriod: new Map(),
    late: 0,
    conflicts: 0,
    failedMessages: new Set(),
    failures: [],
  };

  constructor(deadline: number) {
    this.deadline = deadline;
  }

  addDuplicates({ day }: SliceGroup, duplicates: readonly ConsumptionEvent[]): void {
    if (duplicates.length === 0) return;
    const period = periodIdOfDay(day);
    const { duplicatesByPeriod } = this.outcome;
    this.outcome.duplicates += duplicates.length;
    duplicatesByPeriod.set(period, (duplicatesByPeriod.get(period) ?? 0) + duplicates.length);
    const dropped = this.#dropped.get(period) ?? [];
    this.#dropped.set(period, dropped);
    for (const event of duplicates) dropped.push(event);
  }

  /** What became of its events, each once for each thing that it says of them. */
  evidence(): Map<PeriodId, BatchEvidence> {
    const evidence = new Map<PeriodId, BatchEvidence>();
    for (const period of new Set([...this.written.keys(), ...this.#dropped.keys()])) {
      const { counted, unsure } = this.written.get(period) ?? { counted: [], unsure: [] };
      const duplicates = this.#dropped.get(period) ?? [];
      const told = new Set([...counted, ...duplicates]);
      evidence.set(period, { counted, duplicates, unsure: unsure.filter((event) => !told.has(event)) });
    }
    return evidence;
  }

  addWritten({ day }: SliceGroup, { counted, unsure }: WrittenEvents): void {
    const period = periodIdOfDay(day);
    const sums = this.written.get(period) ?? { counted: [], unsure: [] };
    this.written.set(period, sums);
    for (const event of counted) sums.counted.push(event);
    for (const event of unsure) sums.unsure.push(event);
    this.outcome.counted += counted.length;
  }

  /** What was counted of a group is unsure to the control total. */
  unsettle({ day, entries }: SliceGroup): void {
    const sums = this.written.get(periodIdOfDay(day));
    if (!sums) return;
    const events = new Set(entries.map(({ event }) => event));
    const [unsettled, settled] = [
      sums.counted.filter((one) => events.has(one)),
      sums.counted.filter((one) => !events.has(one)),
    ];
    sums.counted = settled;
    for (const event of unsettled) sums.unsure.push(event);
  }

  fail(entries: readonly DistinctEvent[], error: unknown): void {
    for (const { messages } of entries) for (const message of messages) this.outcome.failedMessages.add(message);
    this.outcome.failures.push(error instanceof Error ? error : new Error(String(error)));
  }
}
