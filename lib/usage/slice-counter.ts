import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { ConsumptionEvent } from '../events/consumption-event.ts';
import { periodIdOfDay } from '../periods/periods.ts';
import type { SliceGroup } from './slice-group.ts';
import { sliceMarkOf } from './slice-marks.ts';
import { bytesOfPage, type PeriodPhase, planChange, type SlicePage, writeUnits } from './slice-page.ts';
import type { SliceView } from './slice-view.ts';
import type { DailyRecordMarks, UsageSlices } from './usage-slices.ts';

/** Other writers kept changing a slice before we could. Nothing is lost: the messages come again. */
export class SliceContended extends HalfmonthError {
  readonly code = 'SLICE_CONTENDED';
}

/** What became of a group's events. */
export interface GroupOutcome {
  counted: number;
  /** Counted before, by this delivery or an earlier one. */
  duplicates: ConsumptionEvent[];
  /** How often another writer was first. */
  conflicts: number;
}

/** Each conflict means that another writer got on, so even many writers come through; this many in a row are a fault. */
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
 * Counts the events of one slice. Invariant: an event is in the totals of exactly one page if and only if its identity is in
 * that page's set. A page changes only against its version, and page n + 1 is begun only by a writer that has seen page n
 * sealed, with all its identities; so a writer whose change is accepted knew every identity of the slice.
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
   * @throws SliceContended, or whatever the stores throw; then any part of the events may have been counted
   */
  async count(group: SliceGroup, view: SliceView, isFresh: boolean, phase: PeriodPhase): Promise<GroupOutcome> {
    const { slices, marks, sliceMinutes, now } = this.#options;
    let counted = 0;
    let mine = new Set<string>();
    for (let conflicts = 0; conflicts < MAXIMUM_CONFLICTS; ) {
      const missing = group.events.filter(({ identity }) => !view.holds(identity));
      if (missing.length === 0) {
        return { counted, duplicates: group.events.filter(({ identity }) => !mine.has(identity)), conflicts };
      }
      const at = now();
      const change = planChange(view.open, missing, { phase, now: at });
      if (!isFresh && writeUnits(bytesOfPage(change.after)) > DEAR_WRITE_UNITS) {
        await this.refresh(group, view);
        isFresh = true;
        continue;
      }
      if (view.open.version === 0) {
        const mark = sliceMarkOf(group.slice, change.after.number + 1, sliceMinutes);
        await marks.ensure({ clientId: group.clientId, day: group.day, mark });
      }
      const isLate = phase === 'closed' && change.events.length > 0;
      const late = isLate ? { period: periodIdOfDay(group.day), events: change.events, at } : undefined;
      const outcome = await slices.change(group, change, late);
      const isOurs = outcome.changed || isResultOf(change.after, change.events, outcome.current);
      if (isOurs) {
        counted += change.events.length;
        mine = new Set([...mine, ...change.events.map(({ identity }) => identity)]);
      }
      if (outcome.changed) {
        view.absorb(change.after);
        continue;
      }
      conflicts += 1;
      await pauseAfter(conflicts);
      await this.#catchUp(group, view, outcome.current);
      isFresh = true;
    }
    throw new SliceContended(
      `Slice ${group.slice} of ${group.day} changed ${MAXIMUM_CONFLICTS} times before it could be written.`,
    );
  }

  /** Reads the open page and what follows it, as they are now. */
  async refresh(group: SliceGroup, view: SliceView): Promise<void> {
    const pages = await this.#options.slices.loadFrom(group, view.open.number);
    if (pages.length === 0) view.forgetOpen();
    for (const page of pages) view.absorb(page);
  }

  async #catchUp(group: SliceGroup, view: SliceView, current: SlicePage | undefined): Promise<void> {
    if (current && !current.sealed) view.absorb(current);
    else await this.refresh(group, view);
  }
}

/**
 * Whether a page that refused our change already shows it: then an earlier attempt of the same request took effect and its
 * answer was lost. Only the figures of this process depend on it, never the totals.
 */
function isResultOf(after: SlicePage, events: readonly ConsumptionEvent[], current: SlicePage | undefined): boolean {
  return current?.version === after.version && events.every(({ identity }) => current.identities.has(identity));
}

function pauseAfter(conflicts: number): Promise<void> | undefined {
  if (conflicts === 1) return undefined;
  const milliseconds = Math.random() * Math.min(MAXIMUM_PAUSE_MILLISECONDS, 5 * 2 ** conflicts);
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
