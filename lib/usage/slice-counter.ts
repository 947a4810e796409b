import { randomBytes } from 'node:crypto';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { ConsumptionEvent } from '../events/consumption-event.ts';
import { periodIdOfDay } from '../periods/periods.ts';
import type { DistinctEvent, SliceGroup } from './slice-group.ts';
import { sliceMarkOf } from './slice-marks.ts';
import {
  bytesOfPage,
  type PageChange,
  type PeriodPhase,
  planChange,
  type SlicePage,
  writeUnits,
} from './slice-page.ts';
import { isWide } from './slice-path.ts';
import type { SliceView } from './slice-view.ts';
import type { ChangeOutcome, DailyRecordMarks, UsageSlices } from './usage-slices.ts';

/** Other writers kept changing a slice before we could. Nothing is lost: the messages come again. */
export class SliceContended extends HalfmonthError {
  readonly code = 'SLICE_CONTENDED';
}

/** How a group's events ended. */
export interface GroupOutcome {
  /** Counted before, by this delivery or an earlier one. */
  duplicates: ConsumptionEvent[];
  /** A wide slice has no room for them: they go to a slice behind it. */
  left: DistinctEvent[];
  /** How often another writer was first. */
  conflicts: number;
}

/** What writes came to; also filled in when counting then fails. */
export interface WrittenEvents {
  counted: ConsumptionEvent[];
  /** Of writes of which it is not known whether they took place, or whose they are. */
  unsure: ConsumptionEvent[];
}

/**
 * Each conflict means that another writer got on, so even many writers come through; this many in a row are a fault.
 */
const MAXIMUM_CONFLICTS = 60;
const MAXIMUM_PAUSE_MILLISECONDS = 400;
/** A write dearer than this is worth a read before, which costs a fraction and makes a failed condition unlikely. */
const DEAR_WRITE_UNITS = 4;

/** What counting a group needs besides the group. */
export interface SliceCounterOptions {
  slices: UsageSlices;
  marks: DailyRecordMarks;
  sliceMinutes: number;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/**
 * Counts the events of one slice. Invariant: an event is in the totals of exactly one page on its path if and only if
 * its identity is in that page's set. The path of an event is the page of its day, the page of its stretch, and the
 * pages of its short slice. A page changes only against its version, and the next page on a path is begun only by a
 * writer that has seen the one before sealed, with all its identities; so a writer whose change is accepted knew every
 * identity on the path.
 */
export class SliceCounter {
  readonly #options: SliceCounterOptions;

  constructor(options: SliceCounterOptions) {
    this.#options = options;
  }

  /**
   * @param view what is known of the slice; it is brought up to date
   * @param isFresh whether the view was read just now
   * @param phase how far the events' period has got
   * @param written told what was counted, also when this throws
   * @throws SliceContended, or whatever the stores throw; then any part of the events may have been counted
   */
  async count(
    group: SliceGroup,
    view: SliceView,
    isFresh: boolean,
    phase: PeriodPhase,
    written: WrittenEvents,
  ): Promise<GroupOutcome> {
    const { now } = this.#options;
    const mine = new Set<string>();
    for (let conflicts = 0; conflicts < MAXIMUM_CONFLICTS; ) {
      const missing = group.entries.filter(({ event }) => !view.holds(event.identity));
      const isFull = isWide(group.slice) && view.open.number > 0;
      if (missing.length === 0 || isFull) {
        const known = group.entries.filter(({ event: { identity } }) => view.holds(identity) && !mine.has(identity));
        return { duplicates: known.map(({ event }) => event), left: missing, conflicts };
      }
      const at = now();
      const events = missing.map(({ event }) => event);
      const { after, events: taken } = planChange(view.open, events, { phase, now: at, slice: group.slice });
      if (!isFresh && writeUnits(bytesOfPage(after)) > DEAR_WRITE_UNITS) {
        await this.refresh(group, view);
        isFresh = true;
        continue;
      }
      const change = { events: taken, after: { ...after, changeId: randomBytes(6).toString('base64') } };
      const outcome = await this.#write(group, view, change, { phase, at, written });
      if (outcome.changed || outcome.current?.changeId === change.after.changeId) {
        for (const event of taken) mine.add(event.identity);
        written.counted.push(...taken);
      }
      if (outcome.changed) {
        view.absorb(change.after);
        continue;
      }
      conflicts += 1;
      await pauseAfter(conflicts);
      await this.#catchUp(group, view, outcome.current);
      isFresh = true;
      // An earlier attempt of the same request may have taken effect and its answer been lost, or another writer had
      // them too.
      written.unsure.push(...taken.filter(({ identity }) => !mine.has(identity) && view.holds(identity)));
    }
    throw new SliceContended(
      `Slice ${group.slice} of ${group.day} changed ${MAXIMUM_CONFLICTS} times before it could be written.`,
    );
  }

  /** Writes a change, after the mark of the page that it may begin. */
  async #write(
    group: SliceGroup,
    view: SliceView,
    change: PageChange,
    { phase, at, written }: { phase: PeriodPhase; at: number; written: WrittenEvents },
  ): Promise<ChangeOutcome> {
    const { slices, marks, sliceMinutes } = this.#options;
    if (view.open.version === 0) {
      const mark = sliceMarkOf(group.slice, change.after.number + 1, sliceMinutes);
      await marks.ensure({ clientId: group.clientId, day: group.day, mark });
    }
    const isLate = phase === 'closed' && change.events.length > 0;
    const late = isLate ? { period: periodIdOfDay(group.day), events: change.events, at } : undefined;
    try {
      return await slices.change(group, change, late);
    } catch (error) {
      written.unsure.push(...change.events);
      throw error;
    }
  }

  /** Reads the open page and what follows it, as they are now. */
  async refresh(group: SliceGroup, view: SliceView): Promise<void> {
    view.absorbAll(await this.#options.slices.loadFrom(group, view.open.number));
  }

  async #catchUp(group: SliceGroup, view: SliceView, current: SlicePage | undefined): Promise<void> {
    if (current && !current.sealed) view.absorb(current);
    else await this.refresh(group, view);
  }
}

function pauseAfter(conflicts: number): Promise<void> | undefined {
  if (conflicts === 1) return undefined;
  const milliseconds = Math.random() * Math.min(MAXIMUM_PAUSE_MILLISECONDS, 5 * 2 ** conflicts);
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
