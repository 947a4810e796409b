import { HalfmonthError } from '../../lib/errors/halfmonth-error.ts';
import type { InvoiceApi, PackageReport, PeriodOutcome } from '../../lib/invoice-api/invoice-api.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import type { TurnTaker, TurnUnderWay } from '../../lib/sending/turns.ts';
import { inTurnAfterWaiting, type TurnWait } from '../../lib/sending/turns.ts';

/** The invoice API did not list what it holds. */
export class PeriodNotListed extends HalfmonthError {
  readonly code = 'PERIOD_NOT_LISTED';
}

/** With 500 reports a page, as many packages as nobody bills: an API that goes on for longer goes on for ever. */
const MOST_PAGES = 20_000;
/** Few, so that a run that waits for its turn meanwhile waits for seconds. */
const PAGES_IN_A_TURN = 10;
/** Answers in a row without a page, before listing is given up. */
const TRIES = 8;
const FIRST_PAUSE_MILLISECONDS = 500;

interface PagesOfTurn {
  cursor: string | undefined;
  pages: number;
  isWhole: boolean;
  /** The answer that ended the turn, where it was no page, and whether everybody now stays away because of it. */
  unusable?: Extract<PeriodOutcome, { kind: 'throttled' | 'unknown' }>;
  isBlocked: boolean;
}

/**
 * All that the invoice API holds for a period, page by page, in turns of the quota calendar: a listing spends the quota
 * that a run sends under, and an API that asks to stay away asks everybody.
 * @param id names the turns in the calendar
 * @param onWait is told why the listing waits, before it does
 * @throws PeriodNotListed when the API refuses, or gives no page for a while
 */
export async function listPeriod(
  taker: TurnTaker & { api: Pick<InvoiceApi, 'listPeriod'> },
  periodId: PeriodId,
  id: string,
  onWait: (wait: TurnWait) => void = () => {},
): Promise<PackageReport[]> {
  const packages: PackageReport[] = [];
  const request = { id, kind: 'status', requests: PAGES_IN_A_TURN } as const;
  const mayWait = (wait: TurnWait) => {
    onWait(wait);
    return true;
  };
  let cursor: string | undefined;
  const seen = new Set<string>();
  for (let failures = 0; ; ) {
    const from = cursor;
    const work = (turn: TurnUnderWay) => pagesOf(taker.api, periodId, from, turn, { packages, seen });
    const answer = await inTurnAfterWaiting(taker, request, work, mayWait);
    if ('gaveUp' in answer) throw new PeriodNotListed('there was no turn');
    const { isWhole, pages, unusable, isBlocked, ...reached } = answer.result;
    if (isWhole) return packages;
    cursor = reached.cursor;
    if (pages > 0) failures = 0;
    if (!unusable) continue;
    failures += 1;
    if (failures === TRIES) throw new PeriodNotListed(unusable.reason);
    const asked = unusable.kind === 'throttled' ? unusable.retryAfterMilliseconds : undefined;
    // What everybody is to wait for, the next turn waits for.
    if (!isBlocked) await taker.clock.sleep(asked ?? FIRST_PAUSE_MILLISECONDS * 2 ** failures);
  }
}

/** What is known of a listing so far. */
interface Listing {
  packages: PackageReport[];
  /** The cursors that have led to a page. */
  seen: Set<string>;
}

/** As many pages as one turn allows, added to those there are. */
async function pagesOf(
  api: Pick<InvoiceApi, 'listPeriod'>,
  periodId: PeriodId,
  from: string | undefined,
  { pacer, health }: TurnUnderWay,
  { packages, seen }: Listing,
): Promise<PagesOfTurn> {
  let cursor = from;
  for (let pages = 0; ; pages++) {
    const departure = await pacer.next();
    if (typeof departure === 'string') return { cursor, pages, isWhole: false, isBlocked: false };
    const outcome = await api.listPeriod(periodId, cursor);
    departure.answered();
    health.heard(outcome);
    if (outcome.kind === 'throttled' || outcome.kind === 'unknown') {
      return { cursor, pages, isWhole: false, unusable: outcome, isBlocked: health.blockedUntil !== undefined };
    }
    if (outcome.kind !== 'listed') throw new PeriodNotListed(outcome.reason);
    packages.push(...outcome.packages);
    cursor = outcome.nextCursor;
    if (cursor === undefined) return { cursor, pages: pages + 1, isWhole: true, isBlocked: false };
    if (seen.has(cursor)) throw new PeriodNotListed('the API leads in a circle: it gave the same nextCursor twice');
    if (seen.size >= MOST_PAGES) throw new PeriodNotListed(`the API has more than ${MOST_PAGES} pages`);
    seen.add(cursor);
  }
}
