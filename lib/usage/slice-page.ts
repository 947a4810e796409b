import type { ConsumptionEvent } from '../events/consumption-event.ts';
import { IDENTITY_BYTES, type Identity } from '../events/identity.ts';
import { foldOf, type Measure, type MeasureValue, measureOf, type ValueFold, valueOfEvent } from '../meters/measure.ts';
import type { Day } from '../periods/days.ts';
import { type Identities, IdentitySet } from './identity-set.ts';
import { isWide, type SliceName } from './slice-path.ts';

/** Which slice of which client's day. */
export interface SliceId {
  clientId: string;
  day: Day;
  slice: SliceName;
}

/**
 * One page of a slice, as it is stored: totals, and the identities of the events in them. A page is changed only
 * against its `version`. Once sealed, no identity is ever added to it, and later events of the slice go to the next
 * page.
 */
export interface SlicePage {
  number: number;
  /** 0: the page does not exist yet. Grows by one with each change. */
  version: number;
  sealed: boolean;
  identities: Identities;
  totals: ReadonlyMap<Measure, MeasureValue>;
  /** Milliseconds since the epoch; meaningless while the page has no events. */
  firstEventAt: number;
  lastEventAt: number;
  /** Milliseconds since the epoch: when events were last added that were not late; 0 when none was. */
  countedAt: number;
  /** The identities among them that stand in the page's list of late events. */
  late: ReadonlySet<Identity>;
  /**
   * Begun when its period had ended, as every page with a late event is: it never expires, since no run may have read
   * it yet. Pages of the running period do, and take no events any more once it has ended.
   */
  lasting: boolean;
  /**
   * Names the change that made the page what it is: the instance that made it knows its own by it. Earlier versions
   * wrote none.
   */
  changeId?: string | undefined;
}

/** What one conditional write makes of a page. */
export interface PageChange {
  events: ConsumptionEvent[];
  /** The page after the change. */
  after: SlicePage;
}

/** DynamoDB counts an item's bytes in steps of this many, each a write unit. */
const WRITE_UNIT_BYTES = 1024;
/** Keys with a client id of usual length, version, counters and names of attributes. */
const BASE_BYTES = 230;
/** What a late event takes besides its meter and quantity. */
const LATE_EVENT_BYTES = 140;
/** Far below DynamoDB's 400 KB; a write that fails its condition costs the item's size, so it is not made larger. */
export const MAXIMUM_PAGE_BYTES = 128 * 1024;
/** A wide slice's page is read for every slice behind it, so it takes no more than one read unit does. */
export const MAXIMUM_WIDE_PAGE_BYTES = 4 * 1024;

/**
 * How many events a page takes once its period has ended: so few that each of them could still be listed as late in it,
 * should the period turn out to have been closed meanwhile.
 */
export const MAXIMUM_EVENTS_AFTER_PERIOD_END = 1_000;

/** Where a period stands when an event of it is counted; an event of a closed one is late. */
export type PeriodPhase = 'running' | 'ended' | 'closed';

const NO_IDENTITIES = IdentitySet.of([]);
const NO_LATE: ReadonlySet<Identity> = new Set();
const NO_TOTALS: ReadonlyMap<Measure, MeasureValue> = new Map();

/** A page that is not written yet. */
export function emptyPage(number: number): SlicePage {
  return {
    number,
    version: 0,
    sealed: false,
    identities: NO_IDENTITIES,
    totals: NO_TOTALS,
    firstEventAt: Number.POSITIVE_INFINITY,
    lastEventAt: Number.NEGATIVE_INFINITY,
    countedAt: 0,
    late: NO_LATE,
    lasting: false,
  };
}

/** How many bytes DynamoDB counts for a page, near enough to decide by. */
export function bytesOfPage(page: SlicePage): number {
  let bytes = BASE_BYTES + page.identities.size * IDENTITY_BYTES + page.late.size * LATE_EVENT_BYTES;
  for (const [measure, total] of page.totals) bytes += measure.length + total.length + 2;
  return bytes;
}

/**
 * The next write for a page: as many of the events as it can take, none of which it may hold already.
 *
 * Whether the page is sealed by it is a matter of price. A write costs the whole item's size, so a page that another
 * write like this one would make dearer than a new page is finished now. Small slices stay one page; a flood fills
 * large pages in one write each; both cost close to one write unit per 60 identities or per write, whichever is more.
 *
 * A page of the running period is only sealed, with no event more, once the period has ended: what comes then goes to a
 * page that lasts.
 *
 * @param phase how far the events' period has got
 * @param now milliseconds since the epoch
 * @param slice whose page it is
 */
export function planChange(
  page: SlicePage,
  events: readonly ConsumptionEvent[],
  { phase, now, slice = 0 }: { phase: PeriodPhase; now: number; slice?: SliceName },
): PageChange {
  const maximumBytes = isWide(slice) ? MAXIMUM_WIDE_PAGE_BYTES : MAXIMUM_PAGE_BYTES;
  if (phase !== 'running' && page.version > 0 && !page.lasting) {
    return { events: [], after: { ...page, version: page.version + 1, sealed: true } };
  }
  const late = phase === 'closed';
  const room = phase === 'running' ? Number.POSITIVE_INFINITY : MAXIMUM_EVENTS_AFTER_PERIOD_END - page.identities.size;
  const before = bytesOfPage(page);
  const taken: ConsumptionEvent[] = [];
  const folds = new Map<Measure, ValueFold>();
  let bytes = before;
  for (const event of events) {
    const measure = measureOf(event.meter, event.kind);
    const value = valueOfEvent(event);
    const known = page.totals.get(measure);
    const fold = folds.get(measure);
    const cost =
      IDENTITY_BYTES +
      (known === undefined && !fold ? measure.length + value.length + 2 : 0) +
      (late ? LATE_EVENT_BYTES + measure.length + event.quantity.length : 0);
    if (taken.length > 0 && (bytes + cost > maximumBytes || taken.length >= room)) break;
    bytes += cost;
    taken.push(event);
    if (fold) fold.add(value);
    else folds.set(measure, known === undefined ? foldOf(measure).add(value) : foldOf(measure).add(known).add(value));
  }
  const totals = new Map(page.totals);
  for (const [measure, fold] of folds) totals.set(measure, fold.toString());
  const isWhole = taken.length === events.length;
  const after: SlicePage = {
    number: page.number,
    version: page.version + 1,
    sealed: !isWhole || isDearerThanNewPage(bytes, bytes - before),
    identities: IdentitySet.union([page.identities, IdentitySet.of(taken.map(({ identity }) => identity))]),
    totals,
    firstEventAt: taken.reduce((first, { instant }) => Math.min(first, instant), page.firstEventAt),
    lastEventAt: taken.reduce((last, { instant }) => Math.max(last, instant), page.lastEventAt),
    countedAt: late ? page.countedAt : now,
    late: late ? new Set([...page.late, ...taken.map(({ identity }) => identity)]) : page.late,
    lasting: page.lasting || phase !== 'running',
  };
  return { events: taken, after };
}

function isDearerThanNewPage(bytes: number, addedBytes: number): boolean {
  return writeUnits(bytes + addedBytes) > writeUnits(BASE_BYTES + addedBytes);
}

/** The write units that an item of this size costs. */
export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}
